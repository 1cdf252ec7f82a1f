// The queues, and the jobs in them.

import { ask, tell } from "./api.js";
import { $, button, count, el, guarded, line } from "./dom.js";
import { is } from "./header.js";
import { status, stepsOf } from "./jobs.js";

let maySteerQueues = false;

export function prepareQueue(who) {
  maySteerQueues = is(who, "administrator");
  $("filter").onchange = guarded(showQueue);
}
function actions(buttons) {
  const box = el("span", undefined, "actions");
  box.append(...buttons.map(([label, path]) => button(label, async () => { await tell("POST", path); await showQueue(); }, "quiet small")));
  return box;
}
export async function showQueue() {
  document.title = "Queue · Echo";
  const filter = $("filter").value;
  const [queues, jobs, workers] = await Promise.all([ask("/queues"), ask("/jobs" + (filter ? `?state=${filter}` : "")), ask("/workers")]);
  $("workers").textContent = workers.length ? `${count(workers.length, "worker")}, ${count(workers.reduce((sum, w) => sum + w.slots, 0), "slot")}` : "No worker is alive: jobs wait until one is.";
  $("queues").replaceChildren(...queues.map(queueLine));
  $("no-jobs").hidden = jobs.length > 0;
  $("jobs").replaceChildren(...jobs.map(jobLine));
}
function queueLine(queue) {
  const numbers = ["waiting", "running", "paused", "failed", "succeeded"].map(state => String(queue.jobs[state] || 0));
  const verb = queue.paused ? "resume" : "pause", steer = [[queue.paused ? "Resume" : "Pause", `/queues/${encodeURIComponent(queue.name)}/${verb}`]];
  return line(queue.name, queue.paused ? "paused" : "open", ...numbers, actions(maySteerQueues ? steer : []));
}
function jobLine(job) {
  const verbs = { waiting: ["pause", "cancel"], running: job.wanted ? ["cancel"] : ["pause", "cancel"], paused: ["resume", "cancel"], failed: ["replay"] }[job.state] || [];
  const names = { pause: "Pause", cancel: "Cancel", resume: "Resume", replay: "Try again" };
  const why = job.error ? el("span", job.error.message, job.state === "failed" ? "bad" : "") : el("span", job.state === "running" ? stepsOf(job) : "", "soft");
  const submitted = new Date(job.created_at).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
  const row = line(submitted, job.priority, status(job), why, String(job.attempts), actions(verbs.map(verb => [names[verb], `/jobs/${job.id}/${verb}`])));
  row.children[3].className = "wide"; row.children[5].className = "act";
  return row;
}

// The list of recordings, each with what its latest job is at and what one may do to it.

import { ask, tell } from "./api.js";
import { $, button, bytes, clock, confirmed, el, moment, told } from "./dom.js";
import { is } from "./header.js";
import { isLiving, status, stepsOf, watch, stopWatching } from "./jobs.js";

let who = null;
export const mayHaveRecordings = person => is(person, "analyst", "data_scientist");
const seesAll = person => is(person, "administrator", "auditor");

export function prepareList(person) {
  who = person;
  $("drop").hidden = !mayHaveRecordings(who);
  $("whose").hidden = !(mayHaveRecordings(who) && seesAll(who));
  $("whose").value = mayHaveRecordings(who) ? "mine" : "all";
  $("whose").onchange = () => showList().catch(() => {});
}
export async function showList() {
  document.title = "Echo";
  const ofAll = $("whose").value === "all", recordings = await ask(ofAll ? "/admin/recordings" : "/recordings");
  stopWatching();
  $("empty").hidden = recordings.length > 0;
  $("empty").textContent = ofAll ? "Nobody has a recording here yet." : "Nothing here yet. A recording of an hour takes about two minutes on two CPU cores.";
  $("rows").replaceChildren(...recordings.map(row));
}

// What the server will allow, so that no button leads to a refusal.
const mayOpen = recording => mayHaveRecordings(who) && recording.access !== "none";
const maySteer = recording => is(who, "administrator") || (mayHaveRecordings(who) && ["edit", "own"].includes(recording.access));
const mayDelete = recording => !recording.is_held && (is(who, "administrator") || (mayHaveRecordings(who) && recording.access === "own"));

export function standing(recording) { // whose it is and how far one gets, where that needs saying
  const parts = [];
  if (recording.access !== "own" && recording.owner) parts.push(`of ${recording.owner}`);
  if (recording.team) parts.push(`team ${recording.team}`);
  const access = { none: "you see only that it is there", view: "you may read it", comment: "you may comment on it", edit: "you may edit it" }[recording.access];
  if (access) parts.push(access);
  if (recording.is_held) parts.push("on legal hold: it can't be deleted");
  return parts.join(" · ");
}

function row(recording) {
  const item = el("li", undefined, "row"), top = el("div", undefined, "top"), name = el("span", undefined, "name");
  const state = el("span", "", "soft small"), actions = el("span", undefined, "actions");
  const open = el("button", recording.name), bar = el("progress"), detail = el("div", "", "soft small");
  open.onclick = () => { location.hash = recording.id; };
  name.append(mayOpen(recording) ? open : recording.name);
  top.append(name, state, actions);
  bar.max = 1; bar.hidden = true; bar.setAttribute("aria-label", `Progress of ${recording.name}`);
  item.append(top, bar, detail);
  if (standing(recording)) item.append(el("div", standing(recording), "soft small"));
  const facts = [recording.duration_s ? clock(recording.duration_s) : "", bytes(recording.size_bytes), moment(recording.created_at)].filter(Boolean).join(" · ");
  const paint = job => {
    const living = isLiving(job);
    open.disabled = job.state !== "succeeded";
    bar.hidden = !living; bar.value = job.progress;
    state.textContent = status(job);
    state.className = "small " + (job.state === "failed" ? "bad" : "soft");
    detail.textContent = living ? stepsOf(job) : facts;
    if (job.error && job.state !== "succeeded") detail.textContent = job.error.message;
    actions.replaceChildren(...buttonsFor(recording, job, paint));
  };
  detail.textContent = facts;
  if (recording.latest_job) ask(`/jobs/${recording.latest_job}`).then(job => { paint(job); if (isLiving(job)) watch(job.id, paint); }, () => {});
  else actions.replaceChildren(...mayDelete(recording) ? [deleting(recording)] : []);
  return item;
}
function buttonsFor(recording, job, paint) {
  const verbs = { running: ["pause", "cancel"], waiting: ["pause", "cancel"], paused: ["resume", "cancel"], failed: ["replay"] }[job.state] || [];
  const names = { pause: "Pause", cancel: "Cancel", resume: "Resume", replay: "Try again" };
  const buttons = maySteer(recording) ? verbs.filter(verb => verb !== "pause" || !job.wanted).map(verb => {
    const act = button(names[verb], async () => { paint(await tell("POST", `/jobs/${job.id}/${verb}`)); watch(job.id, paint); }, "quiet small");
    act.setAttribute("aria-label", `${names[verb]} ${recording.name}`);
    return act;
  }) : [];
  if (!isLiving(job) && mayDelete(recording)) buttons.push(deleting(recording));
  return buttons;
}
function deleting(recording) {
  const act = button("Delete", async () => {
    const detail = "The recording, its transcript and all that was made of it are erased for good.";
    if (!await confirmed(`Delete “${recording.name}”?`, detail, "Delete")) return;
    await tell("DELETE", `/recordings/${recording.id}`);
    await showList();
    told(`“${recording.name}” was deleted.`);
  }, "quiet small");
  act.setAttribute("aria-label", `Delete ${recording.name}`);
  return act;
}

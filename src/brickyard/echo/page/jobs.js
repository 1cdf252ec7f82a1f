// What a job is at, in words, and as it happens.

import { API } from "./api.js";
import { clock } from "./dom.js";

const streams = new Map();
export const isLiving = job => ["waiting", "running", "paused"].includes(job.state);

export function status(job) {
  if (job.wanted) return { pause: "pausing…", cancel: "cancelling…", yield: "making way…" }[job.wanted];
  if (job.state === "waiting") return job.position ? `number ${job.position} in the queue` + (job.starts_in_s ? `, starts in about ${clock(job.starts_in_s)}` : "") + (job.eta_s ? `, done in about ${clock(Math.ceil(job.eta_s))}` : "") : "waiting";
  if (job.state === "running") return `${Math.round(job.progress * 100)} %` + (job.eta_s === null ? "" : ` · ${clock(Math.ceil(job.eta_s))} left`);
  if (job.state === "succeeded") return job.x_realtime ? `done, ${job.x_realtime.toFixed(0)} × real time` : "done";
  return job.state;
}
const stepNames = { decode: "reading the sound", speech: "finding speech", asr: "transcribing", diarize: "telling speakers apart", speakers: "naming speakers", transcript: "putting it together", coverage: "looking for what was missed", frames: "looking at the pictures", ocr: "reading the screen", screen: "sorting what was on screen", translate: "translating", summarize: "summarizing", index: "making it searchable" };
export function stepsOf(job) {
  return job.steps.filter(s => !s.ended).map(s => (stepNames[s.name] || s.name) + (s.chunks_total > 1 ? ` ${s.chunks_done}/${s.chunks_total}` : "") + (s.x_realtime && s.chunks_total > 1 ? ` at ${s.x_realtime.toFixed(0)} ×` : "")).join(" · ") || " ";
}
export function stopWatching() {
  for (const stream of streams.values()) stream.close();
  streams.clear();
}
export function watch(job, paint) {
  if (streams.has(job)) return;
  const stream = new EventSource(`${API}/jobs/${job}/events`);
  streams.set(job, stream);
  stream.addEventListener("progress", event => paint(JSON.parse(event.data)));
  stream.addEventListener("end", () => { stream.close(); streams.delete(job); });
}

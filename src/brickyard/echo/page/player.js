// The player, and the lines that follow it: each knows its moment and leads to it.

import { $, clock, el, say } from "./dom.js";

const followed = new Map(); // of a panel: its rows and their times, to mark those that are played
let media = null, panelInView = () => "";

export function openPlayer(address, hasVideo, inView) {
  media = el(hasVideo ? "video" : "audio");
  media.controls = true; media.preload = "metadata"; media.src = address;
  media.ontimeupdate = markPlayed;
  panelInView = inView;
  $("player").replaceChildren(media);
  followed.clear();
}
export function closePlayer() {
  if (media) { media.pause(); media = null; $("player").replaceChildren(); }
}
export function follow(panel, times, rows) { followed.set(panel, { times, rows, lit: [] }); }
export function markPlayed() {
  if (!media) return; // a player that was closed has one last thing to say
  const now = media.currentTime;
  for (const panel of followed.values()) {
    for (const row of panel.lit) row.classList.remove("now");
    panel.lit = panel.rows.filter((_, index) => now >= panel.times[index].start && now < panel.times[index].end);
    for (const row of panel.lit) row.classList.add("now");
  }
}
export function goTo(moment) { // to be there, not yet to play
  media.currentTime = moment;
  const panel = followed.get(panelInView());
  if (!panel) return;
  let last = -1; // the row that began last before it
  panel.times.forEach((time, index) => { if (time.start <= moment + .05 && (last < 0 || time.start > panel.times[last].start)) last = index; });
  const row = panel.rows[Math.max(0, last)];
  row?.scrollIntoView({ block: "center" });
  row?.querySelector("button")?.focus({ preventScroll: true });
}
export function cite(start, className = "cite") {
  const link = el("button", className === "cite" ? `[${clock(start)}]` : clock(start), className);
  link.type = "button"; link.title = "Play from here";
  link.setAttribute("aria-label", `Play from ${clock(start)}`);
  link.onclick = () => { media.currentTime = start; play(); };
  return link;
}
export function entry(start, label, text) { // a line with its moment
  const line = el("div", undefined, label === null ? "said two" : "said");
  line.append(cite(start, "time"), ...(label === null ? [] : [el("span", label, "who")]), el("span", text, "text"));
  line.lastChild.dir = "auto";
  return line;
}
export function saidRows(segments, speakers) {
  return segments.map((segment, index) => said(segment, index ? segments[index - 1].speaker : null, speakers));
}function said(segment, before, speakers) {
  const words = segment.words || [], line = entry(segment.start, segment.speaker && segment.speaker !== before ? segment.speaker : "", ""), [, who, text] = line.children;
  if (segment.speaker) who.classList.add(`s${Math.max(0, speakers.indexOf(segment.speaker)) % 6 + 1}`);
  const gap = segment.text === words.map(w => w.text).join("") ? "" : " ";
  if (words.length) words.forEach((w, i) => text.append(i ? gap : "", w.confidence !== null && w.confidence < .35 ? el("span", w.text, "unsure") : w.text));
  else text.textContent = segment.text;
  return line;
}
function play() {
  media.play().catch(error => { if (error.name !== "AbortError") say(error.message); }); // a pause that comes soon is no failure
}
document.addEventListener("keydown", event => {
  if (!media || event.target.closest("input, select, textarea, button, summary, a, audio, video")) return;
  if (event.key === " ") { event.preventDefault(); media.paused ? play() : media.pause(); }
  if (event.key === "ArrowLeft") media.currentTime -= 5;
  if (event.key === "ArrowRight") media.currentTime += 5;
});

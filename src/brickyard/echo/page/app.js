// The recordings, the queue, search and one recording: which of them is shown is in the address.

import { $, acting, guarded, say } from "./dom.js";
import { signedIn } from "./header.js";
import { readInfo } from "./info.js";
import { stopWatching } from "./jobs.js";
import { closePlayer } from "./player.js";
import { prepareQueue, showQueue } from "./queue.js";
import { showOne } from "./recording.js";
import { mayHaveRecordings, prepareList, showList } from "./recordings.js";
import { showHits } from "./search.js";
import { stopAnswer } from "./talk.js";
import { prepareUploads } from "./upload.js";

let visit = 0, refresh = 0;

async function start() {
  const who = await signedIn();
  prepareList(who);
  prepareQueue(who);
  $("search").hidden = !mayHaveRecordings(who);
  window.addEventListener("hashchange", guarded(route));
  const informed = readInfo().then(() => prepareUploads(showList)); // may take a while: nothing else waits for it
  await Promise.all([informed, route()]);
}
function place() { // #, #queue, #search?q=words or #recording?tab=translation&v=fr&t=133
  const [where, rest] = location.hash.slice(1).split("?");
  return { where, wanted: new URLSearchParams(rest) };
}
async function route() {
  say("");
  const mine = visit += 1, isStill = () => mine === visit;
  const { where, wanted } = place(), view = { "": "list", queue: "queue-view", search: "search-view" }[where] || "one";
  stopWatching(); stopAnswer(); closePlayer();
  clearInterval(refresh);
  for (const id of ["list", "queue-view", "search-view", "one"]) $(id).hidden = id !== view;
  $("words").value = (where === "search" && wanted.get("q")) || "";
  markPlace(where);
  if (view === "queue-view") { refresh = setInterval(guarded(lookAgain), 2000); await showQueue(); }
  else if (view === "search-view") await showHits($("words").value, isStill);
  else if (view === "one") await showOne(where, wanted, isStill);
  else await showList();
}
async function lookAgain() { // not where nobody looks: that would keep a session alive
  if (!document.hidden) await showQueue();
}
function markPlace(where) {
  for (const way of $("nav").querySelectorAll("a")) {
    if (way.pathname !== "/") continue;
    way.toggleAttribute("aria-current", false);
    if (way.hash.slice(1) === where) way.setAttribute("aria-current", "page");
  }
}
for (const id of ["back", "queue-back", "search-back"]) $(id).onclick = () => { location.hash = ""; };

$("search").onsubmit = acting(async event => {
  event.preventDefault();
  const words = $("words").value.trim(), hash = words ? `#search?${new URLSearchParams({ q: words })}` : "";
  if (location.hash === hash) await route(); else location.hash = hash;
});
guarded(start)();

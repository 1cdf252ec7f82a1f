// One recording: its player, and a tab for each thing that was made of it.

import { API, ask } from "./api.js";
import { $, clock, count, el, guarded, say } from "./dom.js";
import { languageName } from "./info.js";
import { showCoverage, showScreen, showSummary, showTranscript, showTranslation, templateNames } from "./made.js";
import { goTo, markPlayed, openPlayer } from "./player.js";
import { standing } from "./recordings.js";
import { startTalk } from "./talk.js";

async function askIfThere(path) { // what was not asked for is not there
  try { return await ask(path); }
  catch (error) { if (error.status !== 404) say(error.message); return null; }
}
export async function showOne(id, wanted, isStill) {
  const base = `/recordings/${id}`;
  for (const panel of panels) panel.hidden = true;
  for (const tab of tabs) tab.hidden = true;
  $("title").textContent = $("facts").textContent = "";
  $("warnings").replaceChildren();
  window.scrollTo(0, 0);
  const [recording, transcript, translated, templates, screen, coverage] = await Promise.all([ask(base), ask(`${base}/transcript`), ...["translations", "summaries", "screen-text", "coverage"].map(part => askIfThere(`${base}/${part}`))]);
  const job = recording.latest_job && await askIfThere(`/jobs/${recording.latest_job}`);
  if (!isStill()) return;
  document.title = `${recording.name} · Echo`;
  $("title").textContent = recording.name;
  const speakers = transcript.speakers.length;
  $("facts").textContent = [clock(transcript.duration), speakers ? count(speakers, "speaker") : "speakers not told apart", standing(recording)].filter(Boolean).join(" · ");
  openPlayer(`${API}${base}/media`, recording.has_video, () => panelOf(openTab()).id);
  const variant = name => wanted.get("tab") === name ? wanted.get("v") : null;
  const warnings = new Set([...transcript.warnings, ...job?.warnings || []]);
  $("warnings").replaceChildren(...[...warnings].map(w => el("p", w, "notice small")));
  showTranscript(base, recording, transcript);
  const drafts = translated?.filter(entry => entry.draft).map(entry => entry.language), quality = code => languageName(code) + (drafts.includes(code) ? ", draft quality" : "");
  if (translated?.length) showVariants("translation", "Language", translated.map(entry => entry.language), quality, variant("translation"), (language, body) => showTranslation(base, recording, language, transcript.speakers, body));
  if (templates?.length) showVariants("summary", "Kind", templates, name => templateNames[name] || name, variant("summary"), (name, body) => showSummary(base, recording, name, warnings, body));
  if (screen) showScreen(screen);
  if (coverage) showCoverage(coverage);
  startTalk(base);
  for (const [name, there] of Object.entries({ transcript: true, translation: translated?.length, summary: templates?.length, screen, coverage })) $(`tab-${name}`).hidden = !there;
  await selectTab(wanted.get("tab"));
  if (isStill() && wanted.has("t")) goTo(Number(wanted.get("t")) || 0);
}

const tabs = [...document.querySelectorAll("[role=tab]")], panels = tabs.map(panelOf), unfilled = {};
function panelOf(tab) { return $(tab.getAttribute("aria-controls")); }
const openTab = () => tabs.find(tab => tab.getAttribute("aria-selected") === "true");
async function selectTab(name) {
  const chosen = tabs.find(tab => panelOf(tab).id === name && !tab.hidden) || tabs[0];
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", tab === chosen);
    tab.tabIndex = tab === chosen ? 0 : -1;
    panelOf(tab).hidden = tab !== chosen;
  }
  await unfilled[panelOf(chosen).id]?.();
  markPlayed();
}
for (const tab of tabs) {
  tab.onclick = guarded(() => chooseTab(tab));
  tab.onkeydown = guarded(async event => {
    const there = tabs.filter(other => !other.hidden), at = there.indexOf(tab), last = there.length - 1;
    const next = { ArrowRight: at < last ? at + 1 : 0, ArrowLeft: at ? at - 1 : last, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    there[next].focus();
    await chooseTab(there[next]);
  });
}
function chooseTab(tab) { // the address keeps it, for a reload or a link
  history.replaceState(null, "", `#${location.hash.slice(1).split("?")[0]}?${new URLSearchParams({ tab: panelOf(tab).id })}`);
  return selectTab(panelOf(tab).id);
}

function showVariants(panel, label, names, nameOf, first, show) { // filled when its tab is opened
  const body = panel === "summary" ? $("summary-body") : $(panel), pick = el("select"), tools = el("div", undefined, "tools"), field = el("label", `${label} `, "small"), inside = el("div");
  pick.append(...names.map(name => new Option(nameOf(name), name)));
  if (names.includes(first)) pick.value = first;
  field.append(names.length > 1 ? pick : el("strong", nameOf(names[0])));
  tools.append(field);
  const fill = async () => {
    const name = pick.value, rows = el("div");
    await show(name, rows);
    if (pick.value === name) inside.replaceChildren(rows);
    delete unfilled[panel];
  };
  pick.onchange = guarded(fill);
  unfilled[panel] = fill;
  body.replaceChildren(tools, inside);
}

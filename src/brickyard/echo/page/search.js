// Moments in recordings that hold certain words.

import { ask } from "./api.js";
import { $, clock, count, el } from "./dom.js";
import { languageName } from "./info.js";
import { templateNames } from "./made.js";

export async function showHits(words, isStill) {
  document.title = `${words} · Echo`;
  $("hits").replaceChildren(); $("found").textContent = "searching…";
  let hits;
  try { hits = await ask(`/search?${new URLSearchParams({ q: words })}`); }
  catch (error) { if (isStill()) $("found").textContent = ""; throw error; }
  if (!isStill()) return;
  $("found").textContent = hits.length ? `${count(hits.length, "moment")}, the best first` : `Nothing was said, shown, translated or summarized with “${words}”. Other words, or fewer, may find it.`;
  $("hits").replaceChildren(...hits.map(hit));
}
function hit(found) {
  const item = el("li"), link = el("a", undefined, "row"), top = el("div", undefined, "top"), snippet = el("p");
  const kind = { transcript: "Said", screen: "On screen", translation: `Translation, ${languageName(found.variant)}`, summary: `Summary, ${templateNames[found.variant] || found.variant}` }[found.kind] || found.kind;
  link.href = `#${found.recording}?${new URLSearchParams({ tab: found.kind, v: found.variant, t: found.start })}`;
  top.append(el("span", found.name, "name"), el("span", [kind, found.speaker, clock(found.start)].filter(Boolean).join(" · "), "soft small"));
  snippet.dir = "auto";
  snippet.append(...found.snippet.map(mark => mark.hit ? el("mark", mark.text) : mark.text));
  link.append(top, snippet);
  item.append(link);
  return item;
}

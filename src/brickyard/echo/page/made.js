// What was made of a recording: transcript, translations, summaries, what was on screen, coverage.

import { API, ask } from "./api.js";
import { $, clock, count, el } from "./dom.js";
import { cite, entry, follow, saidRows } from "./player.js";

export function showTranscript(base, recording, transcript) {
  for (const form of ["srt", "vtt", "txt"]) { $(form).href = `${API}${base}/transcript.${form}`; $(form).download = `${stemOf(recording)}.${form}`; }
  $("json").href = `${API}${base}/transcript`; $("json").download = `${stemOf(recording)}.json`;
  const rows = saidRows(transcript.segments, transcript.speakers);
  $("text").replaceChildren(...rows.length ? rows : [el("p", "No speech was found in this recording.", "soft")]);
  follow("transcript", transcript.segments, rows);
}
function downloads(path, recording, infix, forms) {
  const box = el("div", undefined, "tools");
  box.append(el("span", "Download", "soft small"), ...Object.entries(forms).map(([form, label]) => {
    const link = el("a", label, "button small");
    link.href = `${API}${path}.${form}`; link.download = `${stemOf(recording)}.${infix}.${form}`;
    return link;
  }));
  return box;
}
const stemOf = recording => recording.name.replace(/\.[^.]+$/, "");
export async function showTranslation(base, recording, language, speakers, body) {
  const path = `${base}/translations/${encodeURIComponent(language)}`, found = await ask(path), rows = saidRows(found.segments, speakers);
  if (found.draft) body.append(el("p", "Draft quality: enough to know what it is about, not to be quoted.", "notice small"));
  if (rows.length) body.append(downloads(path, recording, language, { srt: "SRT", vtt: "VTT", txt: "Text" }));
  for (const index of found.doubts || []) rows[index].append(el("span", "The numbers differ from what was said.", "doubt soft small"));
  body.append(...rows.length ? rows : [el("p", "Nothing was said, so there is nothing to translate.", "soft")]);
  for (const row of rows) row.querySelector(".text").lang = language;
  follow("translation", found.segments, rows);
}
export const templateNames = { minutes: "minutes", decisions: "decisions and actions", interview: "interview", free: "in your own words", extractive: "best sentences" };
export async function showSummary(base, recording, template, told, body) {
  const path = `${base}/summaries/${encodeURIComponent(template)}`, found = await ask(path), times = [], rows = [], sections = [];
  for (const section of found.sections) {
    const points = el("ul", undefined, "points");
    for (const sentence of section.sentences) {
      const point = el("li", sentence.speaker ? `${sentence.speaker}: ` : ""), starts = [...new Set(sentence.citations.map(c => Math.floor(c.start)))];
      point.append(sentence.text, " ", ...starts.map(start => cite(sentence.citations.find(c => Math.floor(c.start) === start).start)));
      point.dir = "auto";
      for (const citation of sentence.citations) { times.push(citation); rows.push(point); }
      points.append(point);
    }
    sections.push(el("h3", section.title), section.sentences.length ? points : el("p", "Nothing.", "soft small"));
  }
  const by = found.kind === "llm" ? `Written by a language model, ${found.model}. Each sentence leads to where it was said.` : "Sentences as they were said, chosen by ranking; no language model wrote this.";
  const left = found.dropped ? ` ${count(found.dropped, "sentence")} of the model ${found.dropped > 1 ? "were" : "was"} left out, since nothing that was said supports ${found.dropped > 1 ? "them" : "it"}.` : "";
  body.append(el("p", by + left, "soft small"), ...found.warnings.filter(w => !told.has(w)).map(w => el("p", w, "notice small")));
  if (found.instruction) body.append(el("p", `Asked for: “${found.instruction}”`, "soft small"));
  body.append(...sections.length ? sections : [el("p", "Nothing was said that could be summarized.", "soft")]);
  body.append(downloads(path, recording, template, { txt: "Text", md: "Markdown" }));
  follow("summary", times, rows);
}
export function showScreen(found) {
  const rows = found.spans.map(span => entry(span.start, null, span.text)), hints = Object.entries(found.names);
  rows.forEach((row, index) => row.lastChild.append(el("span", `  ${Math.max(1, Math.round(found.spans[index].end - found.spans[index].start))} s`, "soft small")));
  const parts = [];
  if (hints.length) {
    const list = el("ul", undefined, "points");
    for (const [speaker, names] of hints) {
      const line = el("li");
      line.append(el("strong", speaker), " may be ");
      names.forEach((hint, index) => line.append(index ? ", or " : "", hint.name, " ", cite(hint.time)));
      list.append(line);
    }
    parts.push(el("h3", "Names"), el("p", "Shown while somebody spoke. These are suggestions; nothing is renamed.", "soft small"), list, el("h3", "Text"));
  }
  const none = found.has_video ? `No text was found in the ${found.frames} picture${found.frames === 1 ? "" : "s"} that were read.` : "There is no picture in this recording.";
  $("screen").replaceChildren(...parts, ...rows.length ? rows : [el("p", none, "soft")]);
  follow("screen", found.spans, rows);
}
const faultNames = { gap: "no words", loop: "repeats itself", language: "other language", doubt: "doubtful" };
export function showCoverage(found) {
  const share = found.speech_s ? found.covered_s / found.speech_s : 0, lacks = found.faults.length;
  const percent = share >= .9995 ? 100 : Math.min(99, Math.floor(share * 100));
  const first = !found.speech_s ? "No speech was heard in this recording." : `${percent} % of the speech has words${lacks ? `; ${count(lacks, "place")} may be worth listening to.` : ", and nothing else looks wrong."}`;
  const where = item => item.channel ? ` (channel ${item.channel + 1})` : "";
  const kinds = names => names.map(name => faultNames[name] || name).join(", ");
  const faults = found.faults.map(fault => entry(fault.start, kinds([fault.kind]), fault.note + where(fault)));
  const repairs = found.repairs.map(repair => entry(repair.start, kinds(repair.kinds), `${clock(repair.end - repair.start)} long, quality ${Math.round(repair.before * 100)} % at first, ${Math.round(repair.after * 100)} % the second time: ${repair.kept ? "the new words were kept" : "the first words stayed"}${where(repair)}`));
  const part = (title, rows) => rows.length ? [el("h3", title), ...rows] : [];
  $("coverage").replaceChildren(el("p", first), ...part("Listen again", faults), ...part("Decoded again, with more care", repairs));
}

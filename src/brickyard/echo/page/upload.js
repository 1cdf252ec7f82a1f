// Choosing recordings, saying what is wanted of them, and sending them.

import { upload as sendForm } from "./api.js";
import { $, bytes, el, say } from "./dom.js";
import { info, languageName } from "./info.js";

let showList = async () => {};
export function prepareUploads(show) { // `show`: shows what there is, after each file
  showList = show;
  $("limits").textContent = `Up to ${Math.round(info.max_duration_s / 3600)} hours and ${bytes(info.max_upload_bytes)} a file`;
  for (const language of info.languages) $("language").append(new Option(languageName(language.code), language.code));
  if (info.languages.length > 1) $("language").prepend(new Option("detect", "", true, true));
  offerTranslations();
}

$("choose").onclick = () => $("file").click();
$("file").onchange = event => { upload([...event.target.files]); event.target.value = ""; };
$("drop").onsubmit = event => event.preventDefault();
for (const kind of ["dragenter", "dragover"]) $("drop").addEventListener(kind, event => { event.preventDefault(); $("drop").classList.add("over"); });
for (const kind of ["dragleave", "drop"]) $("drop").addEventListener(kind, event => { event.preventDefault(); $("drop").classList.remove("over"); });
$("drop").addEventListener("drop", event => upload([...event.dataTransfer.files]));

const translations = new Set();
function offerTranslations() { // without a list from the server, codes are typed
  const known = info.translations, pick = $("into-pick"), spoken = $("language").value;
  if (!known) return;
  const targets = [...new Set(spoken ? known[spoken] : Object.values(known).flat())].sort((a, b) => languageName(a).localeCompare(languageName(b)));
  for (const code of translations) if (!targets.includes(code)) translations.delete(code);
  $("into-typed").hidden = true;
  $("into-listed").hidden = !targets.length;
  pick.replaceChildren(new Option(translations.size ? "another…" : "none", ""), ...targets.filter(code => !translations.has(code)).map(code => new Option(languageName(code), code)));
  $("into-chosen").replaceChildren(...[...translations].map(code => {
    const chip = el("button", `${languageName(code)} ✕`);
    chip.type = "button"; chip.setAttribute("aria-label", `Leave out ${languageName(code)}`);
    chip.onclick = () => { translations.delete(code); offerTranslations(); pick.focus(); };
    return chip;
  }));
}
$("language").onchange = offerTranslations;
$("into-pick").onchange = event => { translations.add(event.target.value); offerTranslations(); };
$("summary-template").onchange = event => { $("instruction-field").hidden = event.target.value !== "free"; };

export function moreOptions() {
  const typed = $("into").value.toLowerCase().split(/[\s,]+/).filter(Boolean), strange = typed.find(code => !/^[a-z]{2,3}$/.test(code));
  const template = $("summary-template").value, instruction = $("instruction").value.trim();
  const refuse = (field, why) => { $("more").open = true; $(field).focus(); throw new Error(why); };
  if (strange) refuse("into", `“${strange}” is no code of a language. Codes have two or three letters, such as fr or es.`);
  if (template === "free" && !instruction) refuse("instruction", "Say what the summary is to be, or choose another kind of summary.");
  const into = info.translations ? [...translations] : typed;
  return { ...(into.length && { translate_into: into.join(",") }), ...(template && { summary: template }), ...(template === "free" && { summary_instruction: instruction }) };
}
const looksLikeVideo = file => file.type.startsWith("video/") || /\.(mp4|m4v|mkv|webm|mov|avi|wmv)$/i.test(file.name);

async function upload(chosen) {
  say("");
  const problems = [];
  let more;
  try { more = moreOptions(); } catch (error) { return say(error.message); }
  for (const file of chosen) {
    try {
      if (file.size > info.max_upload_bytes) throw new Error(`it has ${bytes(file.size)}; the limit is ${bytes(info.max_upload_bytes)}.`);
      await send(file, more);
    } catch (error) { problems.push(`${file.name}: ${error.message}`); }
    await showList();
  }
  say(problems.join("\n"));
}
function send(file, more) {
  const form = new FormData();
  if ($("language").value) form.append("language", $("language").value);
  if ($("speakers").value) form.append("speakers", $("speakers").value);
  form.append("diarize", $("diarize").checked);
  for (const [name, value] of Object.entries(more)) form.append(name, value);
  if ($("ocr").checked && looksLikeVideo(file)) form.append("ocr", true);
  form.append("file", file);
  const item = el("li", undefined, "row"), bar = el("progress"), state = el("span", "uploading", "soft small"), top = el("div", undefined, "top");
  bar.max = 1; bar.value = 0; top.append(el("span", file.name, "name"), state); item.append(top, bar);
  $("rows").prepend(item); $("empty").hidden = true;
  const onProgress = (loaded, total) => { bar.value = loaded / total; state.textContent = loaded < total ? `uploading, ${bytes(loaded)} of ${bytes(total)}` : "checking the file"; };
  return sendForm("/recordings", form, onProgress).finally(() => item.remove());
}

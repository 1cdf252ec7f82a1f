// What is shown this once: keys, links and recovery codes, with a button that copies them.

import { button, el } from "./dom.js";

export function shownOnce(note, text, fileName) { // several lines are a list; one is a field
  const box = el("div", undefined, "once"), said = el("p", note, "small"), isList = text.includes("\n");
  const shown = isList ? el("pre", text) : field(text), news = el("span", "", "soft small"), buttons = el("div", undefined, isList ? "buttons" : "secret");
  news.setAttribute("role", "status");
  const copy = button("Copy", async () => { news.textContent = await copied(text, shown) ? "Copied." : "Select it and copy it by hand."; }, "");
  if (isList) {
    buttons.append(copy, saving(text, fileName));
    box.append(said, shown, buttons, news);
  } else {
    const foot = el("div", undefined, "foot");
    buttons.append(shown, copy);
    foot.append(news, button("Done", () => { shown.value = ""; box.parentElement.hidden = true; }, "quiet small"));
    box.append(said, buttons, foot);
  }
  return box;
}
function field(text) {
  const shown = el("input");
  shown.type = "text"; shown.readOnly = true; shown.value = text;
  shown.setAttribute("aria-label", "To copy");
  shown.onfocus = () => shown.select();
  return shown;
}
function saving(text, fileName) {
  const save = el("a", "Save as a file", "button");
  save.href = `data:text/plain;charset=utf-8,${encodeURIComponent(text + "\n")}`;
  save.download = fileName;
  return save;
}
async function copied(text, shown) {
  try { await navigator.clipboard.writeText(text); return true; } // not there without TLS
  catch (error) {
    if (!(error instanceof TypeError || error.name === "NotAllowedError")) throw error;
    if (shown.select) shown.select(); else getSelection().selectAllChildren(shown);
    return document.execCommand("copy");
  }
}

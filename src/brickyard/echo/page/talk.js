// Questions about a recording, and answers that lead to where it was said.

import { request } from "./api.js";
import { $, el } from "./dom.js";
import { cite } from "./player.js";

let talk = [], talkBase = "", answering = null;
export function startTalk(base) {
  talk = []; talkBase = base;
  $("talk").replaceChildren(); $("no-chat").textContent = ""; $("question").value = ""; $("ask").hidden = false;
}
export function stopAnswer() { answering?.abort(); answering = null; }
$("stop").onclick = stopAnswer;
$("ask").onsubmit = async event => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (!question || answering) return;
  const mine = answering = new AbortController(), asked = el("p", question, "asked"), answer = el("p", "…", "answer soft"), log = $("talk");
  const messages = [...talk, { role: "user", content: question }];
  answer.dir = "auto";
  log.append(asked, answer); log.setAttribute("aria-busy", "true");
  $("send").hidden = true; $("stop").hidden = false; $("no-chat").textContent = ""; $("question").value = "";
  try {
    const told = await answerOf(messages, mine.signal, text => { answer.textContent = text.replace(/\s*\[[\d,\s]*(\]|$)/g, "") || "…"; });
    answer.className = "answer";
    answer.replaceChildren(...cited(told.text, told.citations));
    if (told.unsupported.length) log.append(el("p", `Nothing in the recording was found for: ${told.unsupported.join(" ")}`, "soft small"));
    talk = [...messages, { role: "assistant", content: told.text }];
  } catch (error) {
    asked.remove(); answer.remove();
    $("question").value = question;
    $("ask").hidden = error.code === "unsupported";
    if (!mine.signal.aborted) $("no-chat").textContent = error.code === "unsupported" ? `Answers need a language model. ${error.message}` : error.message;
  } finally {
    if (answering === mine) answering = null;
    log.removeAttribute("aria-busy"); $("send").hidden = false; $("stop").hidden = true;
  }
};
async function answerOf(messages, signal, onText) {
  const answer = await request(`${talkBase}/chat`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ messages }), signal });
  let text = "";
  for await (const [name, data] of events(answer.body)) {
    if (name === "delta") onText(text += data.text);
    if (name === "error") throw Object.assign(new Error(data.message), { code: data.code });
    if (name === "end") return data;
  }
  throw new Error("The answer broke off. Ask again.");
}
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n"), field = name => lines.find(line => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("data")) yield [field("event"), JSON.parse(field("data"))];
    }
  }
}
function cited(text, citations) { // the numbers in brackets become the moments they stand for
  const at = new Map(citations.map(citation => [citation.number, citation.start])), parts = [];
  let end = 0;
  for (const found of text.matchAll(/\[(\d+(?:\s*,\s*\d+)*)\]/g)) {
    const starts = found[1].split(",").map(Number).filter(number => at.has(number)).map(number => at.get(number));
    parts.push(text.slice(end, found.index), ...starts.length ? starts.map(start => cite(start)) : [found[0]]);
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}

// Elements, words and times: what every page is made of. Data becomes text, never markup.

export const $ = id => document.getElementById(id);

export function el(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  if (className) node.className = className;
  return node;
}
export function button(label, work, className = "small") {
  const node = el("button", label, className);
  node.type = "button";
  node.onclick = acting(work);
  return node;
}
export function link(label, address, className = "button small") {
  const node = el("a", label, className);
  node.href = address;
  return node;
}
export function line(...contents) { // of a table; a content of null is an empty cell
  const row = el("tr");
  for (const content of contents) { const cell = el("td"); cell.append(content ?? ""); row.append(cell); }
  return row;
}
export function labelled(row, names) { // on a narrow screen, where a table has no head, each cell says what it is
  names.forEach((name, index) => { if (name) row.children[index].dataset.label = name; });
  for (const cell of row.children) cell.classList.toggle("none", cell.textContent === "–");
  return row;
}

const two = n => String(n).padStart(2, "0");
export function clock(s) {
  s = Math.floor(s); const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}
export function bytes(n) { return n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.ceil(n / 1e3)} kB`; }
export const moment = time => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
export const day = time => new Date(time).toLocaleDateString([], { dateStyle: "medium" });
export const count = (n, thing) => `${n} ${thing}${n === 1 ? "" : "s"}`;

export function say(problem) { // on the page, or in the dialog that is before it
  const box = [...document.querySelectorAll("dialog[open] > .bad")].at(-1) || $("problem");
  box.hidden = !problem;
  (box.firstElementChild || box).textContent = problem || "";
  if (problem) box.scrollIntoView({ block: "nearest" });
}
export function told(news) { // what was done, for eyes and for readers of screens
  if ($("news")) $("news").textContent = news || "";
}
export const guarded = work => async event => {
  try { await work(event); } catch (error) { say(error.message); }
};
export const acting = work => guarded(event => { say(""); told(""); return work(event); }); // what is done now, old news ends
if ($("problem")) $("problem").lastElementChild.onclick = () => say("");

export function dialog(title, ...contents) { // shown at once; Escape closes it, and focus goes back to where it was
  const box = el("dialog"), head = el("h2", title);
  head.id = `dialog-${document.querySelectorAll("dialog").length}`;
  box.setAttribute("aria-labelledby", head.id);
  const problem = el("p", undefined, "bad");
  problem.setAttribute("role", "alert");
  problem.hidden = true;
  box.append(head, problem, ...contents);
  const before = document.activeElement;
  box.addEventListener("close", () => { box.remove(); if (before?.isConnected) before.focus(); });
  document.body.append(box);
  box.showModal();
  return box;
}
export function confirmed(title, detail, verb) { // whether they really mean it; what does nothing has the focus
  return new Promise(resolve => {
    let meant = false;
    const stay = button("Cancel", () => box.close(), ""), go = button(verb, () => { meant = true; box.close(); }, "grave"), buttons = el("div", undefined, "buttons");
    buttons.append(stay, go);
    const box = dialog(title, el("p", detail), buttons);
    box.addEventListener("close", () => resolve(meant));
    stay.focus();
  });
}

export async function whileBusy(form, work) { // nothing is sent twice
  const pressed = [...form.querySelectorAll("button")].filter(node => !node.disabled);
  for (const node of pressed) node.disabled = true;
  form.setAttribute("aria-busy", "true");
  try { return await work(); }
  finally {
    form.removeAttribute("aria-busy");
    for (const node of pressed) node.disabled = false;
  }
}

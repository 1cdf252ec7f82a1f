// Fields for passwords: they can be shown, and say when Caps Lock is on.

import { $ } from "./dom.js";

export function preparePassword(field, hint) {
  const watch = event => { if (event.getModifierState) hint.textContent = event.getModifierState("CapsLock") ? "Caps Lock is on." : ""; };
  for (const kind of ["keydown", "keyup", "mousedown"]) field.addEventListener(kind, watch);
  field.addEventListener("blur", () => { hint.textContent = ""; });
}
export function prepareShowing() { // the buttons beside them
  for (const button of document.querySelectorAll("button.show")) {
    const field = $(button.getAttribute("aria-controls"));
    button.setAttribute("aria-label", "Show the password");
    button.onclick = () => { show(button, field, field.type === "password"); field.focus(); };
    field.form?.addEventListener("submit", () => show(button, field, false)); // no browser keeps it as plain text
  }
}
function show(button, field, isShown) {
  field.type = isShown ? "text" : "password";
  button.textContent = isShown ? "Hide" : "Show";
  button.setAttribute("aria-pressed", isShown);
  if (isShown) field.dispatchEvent(new Event("shown"));
}

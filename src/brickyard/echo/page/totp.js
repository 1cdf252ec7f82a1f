// The second factor: setting it up, and turning it off.

import { tell } from "./api.js";
import { $, acting, button, dialog, el, told, whileBusy } from "./dom.js";
import { shownOnce } from "./once.js";

export function showTotp(me, onChange) {
  const box = $("totp"), words = el("p", undefined, "soft"), isPossible = me.has_password || me.providers.length > 0;
  $("totp-state").textContent = me.has_totp ? "on" : "";
  $("totp-state").className = "state here";
  if (me.has_totp) {
    words.textContent = "Signing in takes your password and a code from your authenticator app.";
    return box.replaceChildren(words, button("Turn off…", () => turnOff(me, onChange), ""));
  }
  words.textContent = isPossible ? "Signing in then takes a code from an app on your phone as well, so that a stolen password alone opens nothing." : "It is set up where you sign in.";
  box.replaceChildren(words, ...isPossible ? [button("Set up…", () => setUp(box, onChange), "")] : []);
}

async function setUp(box, onChange) {
  const begun = await tell("POST", "/me/totp"), steps = el("ol"), [scan, confirm] = [el("li"), el("li")];
  const picture = el("img", undefined, "qr"), secret = new URL(begun.uri).searchParams.get("secret") || "";
  picture.alt = "QR code for an authenticator app; the secret below says the same";
  picture.src = pictureOf(begun.svg);
  scan.append("Scan this with an authenticator app, ", picture, "or type its secret there: ", el("code", secret.match(/.{1,4}/g)?.join(" ") || begun.uri));
  const form = el("form", undefined, "code"), code = el("input"), label = el("label", "Type the six digits that the app shows now:");
  code.id = label.htmlFor = "first-code";
  code.inputMode = "numeric"; code.autocomplete = "one-time-code"; code.maxLength = 10; code.required = true;
  form.append(code, el("button", "Turn on", "primary"), button("Cancel", () => onChange(), ""));
  form.onsubmit = acting(async event => {
    event.preventDefault();
    const confirmed = await whileBusy(form, () => tell("PUT", "/me/totp", { code: code.value.trim() }));
    await onChange();
    showCodes(box, confirmed.recovery_codes);
  });
  confirm.append(label, form);
  steps.append(scan, confirm);
  box.replaceChildren(steps);
  code.focus();
}
function pictureOf(svg) { // as a picture of its own it has to say that it is one
  const whole = svg.includes("xmlns=") ? svg : svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(whole)}`;
}
function showCodes(box, codes) {
  const note = "Two-factor sign-in is on. Keep these recovery codes where you find them without your phone: each lets you in once instead of a code. They are shown this once.";
  const kept = shownOnce(note, codes.join("\n"), "echo-recovery-codes.txt");
  kept.querySelector(".buttons").append(button("I have kept them", () => { kept.remove(); told("Two-factor sign-in is on."); }, "primary"));
  box.prepend(kept);
  kept.querySelector("button").focus();
}

function turnOff(me, onChange) {
  const form = el("form"), field = el("label", undefined, "field"), password = el("input"), buttons = el("div", undefined, "buttons");
  const name = el("input"); // for password managers
  Object.assign(name, { type: "text", autocomplete: "username", value: me.name, hidden: true });
  password.type = "password"; password.autocomplete = "current-password"; password.required = true; password.maxLength = 200;
  field.append(el("span", "Your password", "label"), password);
  buttons.append(button("Cancel", () => box.close(), ""), el("button", "Turn off", "grave"));
  form.append(name, field, buttons);
  const box = dialog("Turn off two-factor sign-in?", el("p", "From then on your password alone opens your account. The recovery codes become void."), form);
  form.onsubmit = acting(async event => {
    event.preventDefault();
    await whileBusy(form, () => tell("DELETE", "/me/totp", { password: password.value })).catch(error => { password.select(); throw error; });
    box.close();
    await onChange();
    told("Two-factor sign-in is off.");
  });
  password.focus();
}

// One person's access: adding somebody, roles, links, and what takes access away.

import { tell } from "./api.js";
import { $, acting, button, confirmed, count, dialog, el, moment, told, whileBusy } from "./dom.js";
import { ROLES } from "./header.js";
import { shownOnce } from "./once.js";

const MEANS = { analyst: "own recordings, and shared ones", data_scientist: "the same, from notebooks and scripts too", administrator: "people, teams and queues; not what is in recordings", auditor: "reads the audit log and who has access" };

export function field(label, value, options = {}) { // the label around its input
  const box = el("label", undefined, "field"), input = el("input"), { hint, ...rest } = options;
  Object.assign(input, { type: "text", value: value ?? "", autocomplete: "off", ...rest });
  box.append(el("span", label, "label"), input);
  if (hint) box.append(el("span", hint, "hint"));
  return [box, input];
}
function roleChoices(chosen) {
  const box = el("fieldset", undefined, "choices");
  box.append(el("legend", "Roles"), ...Object.entries(ROLES).map(([role, name]) => {
    const label = el("label"), tick = el("input"), words = el("span", `${name[0].toUpperCase()}${name.slice(1)} `);
    tick.type = "checkbox"; tick.value = role; tick.checked = chosen.includes(role);
    words.append(el("span", MEANS[role], "soft"));
    label.append(tick, words);
    return label;
  }));
  return [box, () => [...box.querySelectorAll("input:checked")].map(tick => tick.value)];
}
export function form(fields, verb, work) { // inside a dialog
  const made = el("form"), buttons = el("div", undefined, "buttons");
  buttons.append(button("Cancel", () => made.closest("dialog").close(), ""), el("button", verb, "primary"));
  made.append(...fields, buttons);
  made.onsubmit = acting(event => { event.preventDefault(); return whileBusy(made, work); });
  return made;
}
function showLink(user, link) {
  const note = `The link with which ${user.display_name || user.name} chooses a password. Hand it over yourself: it works once, until ${moment(link.expires_at)}, and is shown this once.`;
  $("made").replaceChildren(shownOnce(note, link.url));
  $("made").hidden = false;
  $("made").scrollIntoView({ block: "nearest" });
  $("made").querySelector("input").focus();
}

export function addUser(show) {
  const [nameField, name] = field("Name to sign in with", "", { required: true, maxLength: 64, autocapitalize: "none", spellcheck: false, hint: "Letters a–z, digits and . _ @ -" });
  const [shownField, shown] = field("Name, as others see it", "", { maxLength: 200 });
  const [mailField, mail] = field("E-mail, if wanted", "", { type: "email", maxLength: 200 });
  const [roles, chosen] = roleChoices(["analyst"]);
  const box = dialog("Add a person", form([nameField, shownField, mailField, roles], "Add", async () => {
    const user = await tell("POST", "/users", { name: name.value.trim(), display_name: shown.value.trim(), email: mail.value.trim() || null, roles: chosen() });
    box.close();
    await show();
    told(`${user.display_name || user.name} was added.`);
    showLink(user, await tell("POST", `/users/${user.id}/link`));
  }));
  name.focus();
}

export function manageUser(user, who, show) {
  const called = user.display_name || user.name;
  const [shownField, shown] = field("Name, as others see it", user.display_name, { maxLength: 200 });
  const [mailField, mail] = field("E-mail, if wanted", user.email, { type: "email", maxLength: 200 });
  const [roles, chosen] = roleChoices(user.roles);
  const isSelf = user.id === who.id;
  const edit = form([shownField, mailField, roles], "Save", async () => {
    const wanted = chosen(), losesOwn = isSelf && user.roles.includes("administrator") && !wanted.includes("administrator");
    if (losesOwn && !await confirmed("Give up administering?", "You take the role of administrator from yourself. Only another administrator can give it back.", "Give it up")) return;
    await tell("PATCH", `/users/${user.id}`, { display_name: shown.value.trim(), email: mail.value.trim() || null, roles: wanted });
    box.close();
    if (losesOwn) return location.reload();
    await show();
    told(`${called} was changed.`);
  });
  const access = el("div", undefined, "group"), buttons = el("div", undefined, "buttons");
  access.append(el("h3", "Access"), buttons);
  buttons.append(...accessButtons(user, called, isSelf, async news => { box.close(); await show(); told(news); }));
  const box = dialog(called, el("p", `Signs in as ${user.name}.`, "soft small"), edit, access);
  shown.focus();
}
function accessButtons(user, called, isSelf, done) {
  const buttons = [], add = (label, work, className = "small") => buttons.push(button(label, work, className));
  if (user.disabled_at) {
    add("Enable", async () => { await tell("PATCH", `/users/${user.id}`, { disabled: false }); await done(`${called} may sign in again.`); });
    return buttons;
  }
  if (!user.providers.length) add("New password link", async () => { const link = await tell("POST", `/users/${user.id}/link`); await done(""); showLink(user, link); });
  add("Sign out everywhere", async () => {
    if (!await confirmed(`Sign ${called} out everywhere?`, isSelf ? "That is you: this session ends too." : "All sessions end at once; signing in again is possible.", "Sign out")) return;
    const { sessions } = await tell("DELETE", `/users/${user.id}/sessions`);
    await done(`${called} is signed out: ${count(sessions, "session")} ended.`);
  });
  if (user.has_totp) add("Remove two-factor", async () => {
    if (!await confirmed(`Remove ${called}'s two-factor sign-in?`, "From then on the password alone opens the account. Make sure that it is really that person who asks.", "Remove")) return;
    await tell("DELETE", `/users/${user.id}/totp`);
    await done(`${called} signs in without a second factor now.`);
  });
  add("Disable", async () => {
    if (!await confirmed(`Disable ${called}?`, "All sessions end at once, keys stop working, and signing in is refused until you enable the account again. Recordings stay.", "Disable")) return;
    await tell("PATCH", `/users/${user.id}`, { disabled: true });
    await done(`${called} is disabled.`);
  }, "small grave");
  return buttons;
}

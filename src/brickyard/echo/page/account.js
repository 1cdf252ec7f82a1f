// One's own account: password, second factor, sessions and keys.

import { ask, tell } from "./api.js";
import { $, acting, button, confirmed, day, el, guarded, labelled, line, moment, told, whileBusy } from "./dom.js";
import { ROLES, signedIn } from "./header.js";
import { shownOnce } from "./once.js";
import { preparePassword, prepareShowing } from "./passwords.js";
import { showTotp } from "./totp.js";

async function start() {
  await signedIn();
  await showMe();
  await Promise.all([showSessions(), showKeys()]);
  $("all").hidden = false;
  if (location.hash) document.querySelector(location.hash)?.scrollIntoView();
}

async function showMe() {
  const me = await ask("/me");
  const facts = { Name: me.display_name, "Signs in as": me.name, "E-mail": me.email, Roles: me.roles.map(role => ROLES[role] || role).join(", ") || "none: an administrator gives roles", Teams: me.teams.map(team => team.name).join(", ") || "none" };
  $("me").replaceChildren(...Object.entries(facts).filter(([, value]) => value).flatMap(([name, value]) => [el("dt", name), el("dd", value)]));
  $("user-name").value = me.name;
  $("password-form").hidden = !me.has_password;
  $("password-elsewhere").hidden = me.has_password;
  $("password-elsewhere").textContent = me.id === "local" ? "The operator signs in with a link from the command line of this machine: `brickyard users sign-in-link`." : me.providers.length ? `You sign in through ${me.providers.join(" and ")}: your password is changed there.` : "You have no password here. An administrator can give you a link that sets one.";
  showTotp(me, showMe);
  offerScopes(me.allowed_scopes);
}

$("password-form").onsubmit = acting(async event => {
  event.preventDefault();
  const again = $("again");
  if (again.required && again.value !== $("new").value) { again.focus(); throw new Error("The two new passwords differ. Type them again, or press Show to see what you type."); }
  await whileBusy($("password-form"), () => tell("PUT", "/me/password", { old: $("old").value, new: $("new").value }));
  $("password-form").reset();
  await showSessions();
  told("The password is changed. Everywhere else you are signed out.");
});
$("new").addEventListener("shown", () => { $("new-again").hidden = true; $("again").required = false; });

// Sessions
const SYSTEMS = [[/iPhone|iPad/, "iOS"], [/Android/, "Android"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux|X11/, "Linux"]];
const BROWSERS = [[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"]];
function browserOf(agent) {
  const first = list => list.find(([sign]) => sign.test(agent))?.[1];
  return [first(BROWSERS) || agent.split(/[/ ]/)[0] || "unknown", first(SYSTEMS)].filter(Boolean).join(" on ");
}
async function showSessions() {
  const sessions = await ask("/me/sessions"), others = sessions.filter(one => !one.is_current);
  sessions.sort((a, b) => b.is_current - a.is_current || b.seen_at.localeCompare(a.seen_at));
  $("sessions").replaceChildren(...sessions.map(one => {
    const browser = el("span", browserOf(one.agent)), end = button("Sign out", async () => { await tell("DELETE", `/me/sessions/${one.id}`); await showSessions(); told("Signed out there."); });
    browser.title = one.agent;
    end.setAttribute("aria-label", `Sign out ${browserOf(one.agent)}, ${one.address}`);
    const row = line(browser, one.address, moment(one.created_at), one.is_current ? el("span", "this one", "state here") : moment(one.seen_at), one.is_current ? null : end);
    row.lastElementChild.className = "act";
    return labelled(row, [null, "Address", "Since", one.is_current ? null : "Last used"]);
  }));
  $("others").hidden = !others.length;
  $("others").onclick = acting(async () => {
    if (!await confirmed("Sign out everywhere else?", "All your other sessions end at once. You stay signed in here.", "Sign out")) return;
    for (const one of others) await tell("DELETE", `/me/sessions/${one.id}`);
    await showSessions();
    told("Signed out everywhere else.");
  });
}

// Keys
const SCOPES = { recordings: "recordings: everything you do here", llm: "language models", audio: "speech to text", translate: "translation", ocr: "text in images", metrics: "the platform's metrics", admin: "administration: users, teams and queues" };
function offerScopes(allowed) {
  $("scopes").replaceChildren(...allowed.map(scope => {
    const choice = el("label"), box = el("input");
    box.type = "checkbox"; box.value = scope;
    choice.append(box, el("span", SCOPES[scope] || scope));
    return choice;
  }));
  $("new-key").hidden = !allowed.length;
}
async function showKeys() {
  const keys = (await ask("/me/keys")).filter(key => !key.revoked_at);
  $("keys-table").hidden = !keys.length;
  $("no-keys").hidden = keys.length > 0;
  $("keys").replaceChildren(...keys.map(key => {
    const isOver = key.expires_at && new Date(key.expires_at) <= new Date();
    const ends = isOver ? el("span", "expired", "state off") : key.expires_at ? day(key.expires_at) : "never";
    const revoke = button("Revoke", async () => {
      if (!await confirmed(`Revoke “${key.name}”?`, "What uses the key stops working at once. A revoked key does not come back.", "Revoke")) return;
      await tell("DELETE", `/me/keys/${key.id}`);
      $("made").hidden = true;
      await showKeys();
      told(`The key “${key.name}” is revoked.`);
    });
    revoke.setAttribute("aria-label", `Revoke ${key.name}`);
    const row = line(el("strong", key.name), el("code", `${key.prefix}…`), key.scopes.join(", "), day(key.created_at), ends, revoke);
    row.lastElementChild.className = "act";
    return labelled(row, [null, "Begins with", "For", "Made", "Ends"]);
  }));
}
$("key-form").onsubmit = acting(async event => {
  event.preventDefault();
  const scopes = [...$("scopes").querySelectorAll("input:checked")].map(box => box.value);
  if (!scopes.length) { $("scopes").querySelector("input").focus(); throw new Error("Say what the key may be used for: tick at least one."); }
  const made = await whileBusy($("key-form"), () => tell("POST", "/me/keys", { name: $("key-name").value.trim(), scopes, valid_days: Number($("key-days").value) }));
  $("made").replaceChildren(shownOnce(`The key “${made.key.name}”. It is shown this once: copy it now to where it is used.`, made.secret));
  $("made").hidden = false;
  $("key-form").reset();
  $("new-key").open = false;
  await showKeys();
  $("made").querySelector("input").focus();
});

prepareShowing();
for (const id of ["old", "new"]) preparePassword($(id), $(`${id}-caps`));
guarded(start)();

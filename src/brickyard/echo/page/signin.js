// The door: a name and a password, perhaps a code; a provider; or a one-time link.

import { API, knock, session } from "./api.js";
import { $, clock, el, guarded, link, say, whileBusy } from "./dom.js";
import { preparePassword, prepareShowing } from "./passwords.js";

const wanted = new URLSearchParams(location.search), next = ownPath(wanted.get("next"));
let oneTime = new URLSearchParams(location.hash.slice(1)), waits = 0;

function ownPath(path) { // nobody is led elsewhere: only paths of this server are followed
  if (!path || !path.startsWith("/") || path.startsWith("//") || /[\\\u0000-\u001f]/.test(path)) return "/";
  const address = new URL(path, location.origin);
  return address.origin === location.origin && address.pathname !== "/signin" ? address.pathname + address.search + address.hash : "/";
}

async function start() {
  prepareShowing();
  preparePassword($("password"), $("caps"));
  preparePassword($("own-password"), $("own-caps"));
  const here = await session();
  if (oneTime.get("link")) return showLink(here);
  if (here.signed_in && !wanted.has("again")) return enter();
  $("first").hidden = !here.first_administrator_wanted;
  showProviders(here.providers || []);
  $("password-form").hidden = false;
  $("name").focus();
  if (wanted.has("error")) say(PROVIDER_ERRORS[wanted.get("error")] || PROVIDER_ERRORS.unauthenticated);
}
const PROVIDER_ERRORS = { // only the code is in the address: nobody else's words are shown here
  unauthenticated: "You were not signed in: the provider did not confirm who you are, or it took longer than ten minutes. Try again.",
  forbidden: "You were not signed in: the provider knows you, but your groups don't open this installation. Ask an administrator.",
  unavailable: "The provider does not answer. Try again in a moment, or sign in another way.",
  conflict: "You were not signed in: your account here does not fit what the provider says. Ask an administrator.",
};
function enter() { location.replace(next); }

function showProviders(providers) { // a directory is asked by the form itself
  const ways = providers.filter(provider => provider.kind === "oidc");
  $("providers").hidden = !ways.length;
  $("provider-list").replaceChildren(...ways.map(provider => {
    const item = el("li");
    item.append(link(`Continue with ${provider.label || provider.name}`, `${provider.url || `${API}/session/oidc/${encodeURIComponent(provider.name)}`}?${new URLSearchParams({ next })}`, "button whole"));
    return item;
  }));
}

$("password-form").onsubmit = guarded(async event => {
  event.preventDefault();
  say("");
  const wantsCode = !$("code-field").hidden;
  await whileBusy($("password-form"), () => knock("POST", "/session", {
    name: $("name").value.trim(), password: $("password").value, ...(wantsCode && { code: $("code").value.trim() }),
  })).then(enter, refused);
});
function refused(error) {
  if (error.code === "second_factor_needed") return askForCode(false);
  if (error.status === 429) return countDown(error.retryAfterS, $("enter"), error.message);
  say(error.message);
  if (!$("code-field").hidden) { $("code").value = ""; $("code").focus(); }
  else { $("password").focus(); $("password").select(); }
}

let isRecovery = false;
function askForCode(recovery) { // name and password stay as they were typed
  isRecovery = recovery;
  $("who-fields").hidden = true;
  $("code-field").hidden = $("code-aside").hidden = false;
  $("heading").textContent = "One more step";
  $("lead").textContent = `Signing in as ${$("name").value.trim()}.`;
  $("code-label").textContent = recovery ? "Recovery code" : "Code";
  $("code-hint").textContent = recovery ? "One of the codes that you kept when you set up two-factor sign-in. Each works once." : "Six digits, from your authenticator app.";
  $("code").inputMode = recovery ? "text" : "numeric";
  $("code").autocomplete = recovery ? "off" : "one-time-code";
  $("code").required = true;
  $("code").value = "";
  $("other-code").textContent = recovery ? "Use the authenticator app" : "Use a recovery code";
  $("code").focus();
}
$("other-code").onclick = () => { say(""); askForCode(!isRecovery); };
$("start-over").onclick = () => location.reload();
$("code").oninput = () => { // the last digit sends it
  if (!isRecovery && /^\d{3} ?\d{3}$/.test($("code").value.trim()) && !$("enter").disabled) $("password-form").requestSubmit();
};

function countDown(wait, knob, message) {
  const until = Date.now() + Math.ceil(wait || 10) * 1000, label = knob.textContent;
  say(message);
  clearInterval(waits);
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    knob.disabled = left > 0;
    knob.textContent = left > 0 ? `Try again in ${clock(left)}` : label;
    if (left > 0) return;
    clearInterval(waits);
    say("");
    $("countdown").textContent = "You can try again now.";
  };
  $("countdown").textContent = "";
  waits = setInterval(tick, 500);
  tick();
}

// One-time links. The token is in the fragment, which no server and no log ever gets.
const LINKS = {
  first_administrator: ["Welcome to Echo", "You are the first here. Make the account that administers this installation.", "Create the account"],
  password: ["Choose a password", "Then you are signed in with it.", "Set the password"],
  sign_in: ["Sign in to Echo", "This link signs you in, once.", "Continue"],
};
function showLink(here) {
  const purpose = LINKS[oneTime.get("purpose")] ? oneTime.get("purpose") : "password", [heading, lead, verb] = LINKS[purpose], isFirst = purpose === "first_administrator", isPassword = isFirst || purpose === "password";
  document.title = `${heading} · Echo`;
  $("heading").textContent = heading;
  $("lead").textContent = lead;
  $("use-link").textContent = verb;
  $("new-name").hidden = !isFirst;
  $("own-name").required = isFirst;
  $("new-password").hidden = $("repeated").hidden = !isPassword;
  $("own-password").required = $("again").required = isPassword;
  $("own-password").addEventListener("shown", () => { // what was seen needs no repeating
    $("repeated").hidden = true; $("again").required = false; });
  if (here.signed_in) {
    $("already").hidden = false;
    $("already").textContent = `You are signed in as ${here.name}. The link may be for another account; going on changes to it.`;
  }
  $("link-form").hidden = $("instead").hidden = false;
  (isFirst ? $("own-name") : isPassword ? $("own-password") : $("use-link")).focus();
}
$("link-form").onsubmit = guarded(async event => {
  event.preventDefault();
  say("");
  if (!$("repeated").hidden && $("own-password").value !== $("again").value) {
    $("again").focus();
    throw new Error("The two passwords differ. Type them again, or press Show to see what you type.");
  }
  const filled = { name: "own-name", display_name: "display-name", password: "own-password", code: "own-code" };
  const body = Object.entries(filled).filter(([, id]) => !$(id).closest("[hidden]") && $(id).value).map(([key, id]) => [key, key === "password" ? $(id).value : $(id).value.trim()]);
  await whileBusy($("link-form"), () => knock("POST", "/session/link", { token: oneTime.get("link"), ...Object.fromEntries(body) })).then(linkUsed, linkRefused);
});
function forgetLink() { history.replaceState(null, "", location.pathname + location.search); }
function linkUsed() { forgetLink(); enter(); }
function linkRefused(error) {
  if (error.code === "second_factor_needed") {
    $("link-code").hidden = false;
    $("own-code").required = true;
    $("own-code").focus();
    return say("");
  }
  if (error.status === 429) return countDown(error.retryAfterS, $("use-link"), error.message);
  say(error.message);
  if (error.code === "unauthenticated" && $("link-code").hidden) { // void: nothing more can be done with it
    forgetLink();
    $("link-form").hidden = $("already").hidden = true;
    $("instead").hidden = false;
  } else if (error.status === 409) $("own-name").focus();
  else if (!$("new-password").hidden) $("own-password").focus();
}
window.addEventListener("hashchange", () => { if (location.hash.includes("link=")) location.reload(); });
guarded(start)();

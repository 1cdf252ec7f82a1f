// Who has access: people and teams. Administrators change it, auditors look.

import { ask } from "./api.js";
import { $, button, day, el, guarded, labelled, line, moment } from "./dom.js";
import { ROLES, is, signedIn } from "./header.js";
import { addTeam, manageTeam } from "./team.js";
import { addUser, manageUser } from "./user.js";

const OPERATOR = "local";
let who = null, users = [], teams = [];
const mayChange = () => is(who, "administrator");

async function start() {
  who = await signedIn();
  if (!is(who, "administrator", "auditor")) return location.replace("/");
  $("only-looking").hidden = mayChange();
  $("add-user").hidden = $("add-team").hidden = !mayChange();
  $("add-user").onclick = () => addUser(show);
  $("add-team").onclick = () => addTeam(show);
  $("sought").oninput = showUsers;
  await show();
  $("all").hidden = false;
}
async function show() {
  [users, teams] = await Promise.all([ask("/users"), ask("/teams")]);
  showUsers();
  showTeams();
}

function showUsers() {
  const words = $("sought").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = user => words.every(word => [user.name, user.display_name, user.email, ...user.roles.map(role => ROLES[role]), ...user.teams.map(team => team.name)].some(text => text?.toLowerCase().includes(word)));
  const found = users.filter(fits);
  $("users").replaceChildren(...found.map(userLine));
  $("nobody").hidden = found.length > 0;
}
function userLine(user) {
  const name = el("span"), isOperator = user.id === OPERATOR;
  name.append(el("strong", user.display_name || user.name), el("span", [user.display_name ? user.name : "", user.email].filter(Boolean).join(" · "), "under"));
  const roles = user.roles.map(role => ROLES[role] || role).join(", ") || "none";
  const factor = user.has_totp ? "yes" : user.has_password ? "no" : user.providers.length ? "at the provider" : "–";
  const manage = mayChange() && !isOperator ? button("Manage", () => manageUser(user, who, show)) : null;
  manage?.setAttribute("aria-label", `Manage ${user.display_name || user.name}`);
  const row = line(name, roles, user.teams.map(team => team.name).join(", ") || "–", isOperator ? "–" : factor, user.last_sign_in_at ? shownDay(user.last_sign_in_at) : isOperator ? "–" : "never", stateOf(user, isOperator), manage);
  row.classList.toggle("off", Boolean(user.disabled_at));
  row.lastElementChild.className = "act";
  return labelled(row, [null, "Roles", "Teams", "Two-factor", "Last sign-in"]);
}
function shownDay(time) {
  const shown = el("span", day(time));
  shown.title = moment(time);
  return shown;
}
function stateOf(user, isOperator) {
  if (isOperator) return el("span", "this machine's command line", "soft small");
  if (user.disabled_at) return el("span", "disabled", "state off");
  if (!user.has_password && !user.providers.length) return el("span", "no password yet", "state");
  return el("span", user.providers.length ? `active, through ${user.providers.join(", ")}` : "active", "soft");
}

function showTeams() {
  $("teams-table").hidden = !teams.length;
  $("no-teams").hidden = teams.length > 0;
  $("teams").replaceChildren(...teams.map(team => {
    const manage = button(mayChange() ? "Manage" : "Members", () => manageTeam(team, users, mayChange(), show));
    manage.setAttribute("aria-label", mayChange() ? `Manage ${team.name}` : `Members of ${team.name}`);
    const row = line(el("strong", team.name), String(team.members), team.retention_days ? `${team.retention_days} days` : "as everywhere here", manage);
    row.lastElementChild.className = "act";
    return labelled(row, [null, "Members", "Recordings are kept"]);
  }));
}
guarded(start)();

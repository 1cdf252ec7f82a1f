// One team: its name, how long its recordings are kept, and who belongs to it.

import { ask, tell } from "./api.js";
import { button, confirmed, dialog, el, told } from "./dom.js";
import { field, form } from "./user.js";

function retention(days) {
  const [box, input] = field("Days until its recordings are deleted", days, { type: "number", min: 1, max: 36500, hint: "Empty: as everywhere on this installation." });
  return [box, () => input.value ? Number(input.value) : null];
}
export function addTeam(show) {
  const [nameField, name] = field("Name", "", { required: true, maxLength: 100 }), [daysField, days] = retention(null);
  const box = dialog("Add a team", form([nameField, daysField], "Add", async () => {
    const team = await tell("POST", "/teams", { name: name.value.trim(), retention_days: days() });
    box.close();
    await show();
    told(`The team ${team.name} was added. Manage it to say who belongs to it.`);
  }));
  name.focus();
}

export async function manageTeam(team, users, mayChange, show) {
  const members = el("div");
  const parts = [el("h3", "Members"), members];
  const box = dialog(team.name, ...mayChange ? [editing(team, show), ...parts, removing(team, show)] : parts);
  if (!mayChange) { const buttons = el("div", undefined, "buttons"); buttons.append(button("Close", () => box.close(), "")); box.append(buttons); }
  await showMembers(team, users, mayChange, members, show);
}
function editing(team, show) {
  const [nameField, name] = field("Name", team.name, { required: true, maxLength: 100 }), [daysField, days] = retention(team.retention_days);
  const made = form([nameField, daysField], "Save", async () => {
    const shorter = days() && (!team.retention_days || days() < team.retention_days);
    if (shorter && !await confirmed(`Keep recordings of ${team.name} for ${days()} days?`, "Those that are older already are deleted with the next clean-up, for good.", "Keep so long")) return;
    await tell("PATCH", `/teams/${team.id}`, { name: name.value.trim(), retention_days: days() });
    made.closest("dialog").close();
    await show();
    told(`The team ${name.value.trim()} was changed.`);
  });
  return made;
}
async function showMembers(team, users, mayChange, box, show) {
  const { people } = await ask(`/teams/${team.id}`), list = el("ul", undefined, "people"), again = () => showMembers(team, users, mayChange, box, show);
  const set = async (method, id) => { await tell(method, `/teams/${team.id}/members/${id}`); await again(); await show(); };
  list.append(...people.map(member => {
    const item = el("li"), others = member.sources.filter(source => source !== "local");
    item.append(el("span", member.display_name || member.name));
    if (others.length) item.append(el("span", `by ${others.join(", ")}`, "soft small"));
    if (mayChange && member.sources.includes("local")) {
      const leave = button("Remove", () => set("DELETE", member.id));
      leave.setAttribute("aria-label", `Remove ${member.display_name || member.name}`);
      item.append(leave);
    }
    return item;
  }));
  box.replaceChildren(people.length ? list : el("p", "Nobody yet.", "soft"));
  if (!mayChange) return;
  const inside = new Set(people.filter(member => member.sources.includes("local")).map(member => member.id));
  const outside = users.filter(user => !inside.has(user.id) && !user.disabled_at && user.id !== "local");
  if (outside.length) box.append(adding(outside, set));
}
function adding(outside, set) {
  const line = el("div", undefined, "adding"), pick = el("select");
  pick.setAttribute("aria-label", "Who is to belong to the team");
  pick.append(...outside.map(user => new Option(user.display_name ? `${user.display_name} (${user.name})` : user.name, user.id)));
  line.append(pick, button("Add to the team", () => set("PUT", pick.value), ""));
  return line;
}
function removing(team, show) {
  const group = el("div", undefined, "group"), buttons = el("div", undefined, "buttons");
  buttons.append(button("Delete the team", async () => {
    if (!await confirmed(`Delete the team ${team.name}?`, "Its recordings stay with their owners; what was shared with the team is shared no longer.", "Delete")) return;
    await tell("DELETE", `/teams/${team.id}`);
    group.closest("dialog").close();
    await show();
    told(`The team ${team.name} was deleted.`);
  }, "small grave"));
  group.append(buttons);
  return group;
}

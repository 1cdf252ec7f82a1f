// The line on top of every page: where one may go, who is signed in, and the way out.

import { leaveToSignIn, session, tell } from "./api.js";
import { $, button, link } from "./dom.js";

export const ROLES = { analyst: "analyst", data_scientist: "data scientist", administrator: "administrator", auditor: "auditor" };
export const is = (who, ...roles) => roles.some(role => who.roles.includes(role));

export async function signedIn() { // who is; nobody stays on the page
  const who = await session();
  if (!who.signed_in) return leaveToSignIn();
  const places = [["Recordings", "/#"], ["Queue", "/#queue"]];
  if (is(who, "administrator", "auditor")) places.push(["People", "/people"]);
  const own = link(who.display_name || who.name, "/account", "small me");
  own.title = `Signed in as ${who.name}: password, sessions, keys`;
  own.setAttribute("aria-label", `Your account, ${who.display_name || who.name}`);
  if (location.pathname === "/account") own.setAttribute("aria-current", "page");
  $("nav").replaceChildren(...places.map(([label, address]) => {
    const way = link(label, address, "small");
    if (address === "/#") way.classList.add("home"); // the name of the app leads there too, where there is little room
    if (address === location.pathname) way.setAttribute("aria-current", "page");
    return way;
  }), own, button("Sign out", signOut, "quiet small"));
  return who;
}
async function signOut() {
  await tell("DELETE", "/session");
  location.assign("/signin");
}
// What a browser kept of a page is not shown to whoever comes after.
window.addEventListener("pageshow", event => { if (event.persisted) location.reload(); });

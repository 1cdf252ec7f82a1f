// People in a list: what each is called, how they stand, and which of them are shown.
import type { Schemas } from "../../../api/client";

export type Person = Schemas["UserView"];
export type Role = Schemas["Role"];
export type Standing = "active" | "invited" | "disabled";

export const ROLES: Role[] = ["analyst", "data_scientist", "administrator", "auditor"];
export const STANDINGS: Standing[] = ["active", "invited", "disabled"];
/** Whoever runs the platform from the machine's own command line; nobody changes that account here. */
export const OPERATOR = "local";

export const called = (person: { name: string; display_name: string }): string => person.display_name || person.name;

export function standing(person: Person): Standing {
  if (person.disabled_at) return "disabled";
  const canSignIn = person.has_password || person.providers.length > 0 || person.id === OPERATOR;
  return canSignIn ? "active" : "invited";
}

export interface Wanted { text: string; role: string; team: string; standing: string }

/** Those who fit all that is wanted; every word has to stand somewhere. */
export function fitting(people: Person[], wanted: Wanted): Person[] {
  const words = wanted.text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return people.filter((person) => {
    if (wanted.role && !person.roles.some((role) => role === wanted.role)) return false;
    if (wanted.team && !person.teams.some((team) => team.id === wanted.team)) return false;
    if (wanted.standing && standing(person) !== wanted.standing) return false;
    const said = [person.name, person.display_name, person.email ?? "", ...person.teams.map((team) => team.name)].join(" ").toLocaleLowerCase();
    return words.every((word) => said.includes(word));
  });
}

// Names of people by their ids, for lists that only have ids.
import { api, ok } from "../../api/client";
import { reading } from "./reading.svelte";
import { called } from "./people/shown";

export function peopleNames(): { of: (id: string | null) => string; idsLike: (text: string) => Set<string> } {
  const people = reading(async () => new Map((await ok(api.GET("/api/v1/users"))).map((person) => [person.id, called(person)])));
  return {
    of: (id) => (id ? (people.value?.get(id) ?? id) : ""),
    idsLike: (text) => new Set([...(people.value ?? [])].filter(([, name]) => name.toLocaleLowerCase().includes(text)).map(([id]) => id)),
  };
}

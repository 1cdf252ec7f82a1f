// What the address asks of the library, as the server is asked for it.
import type { Schemas } from "../../api/client";

type Entry = Schemas["Entry"];

export const WHOSE = ["all", "mine", "shared"] as const;
export const STATES = ["any", "going", "done", "failed"] as const;
export const SORTS = ["newest", "oldest", "name", "longest", "shortest"] as const;
/** Filters that stand in the address; the order is no filter. */
export const FILTERS = ["q", "whose", "state", "team", "folder", "tag", "language"];

const OWNER: Record<string, string> = { mine: "me", shared: "others" };

const IN_STATE: Record<string, Schemas["JobState"][]> = {
  going: ["waiting", "running", "paused"],
  done: ["succeeded"],
  failed: ["failed", "cancelled"],
};

export interface Asked {
  query: {
    text?: string; owner?: string; team?: string; folder?: string; language?: string; tag: string[]; state: Schemas["JobState"][]; sort: Schemas["Sort"];
  };
}

/** What the address says wrongly counts as not said. */
export function asked(filters: URLSearchParams): Asked {
  const sort = filters.get("sort") as Schemas["Sort"];
  const query = {
    text: filters.get("q")?.trim() || undefined,
    owner: OWNER[filters.get("whose") ?? ""],
    team: filters.get("team") || undefined,
    folder: filters.get("folder") || undefined,
    language: filters.get("language") || undefined,
    tag: filters.getAll("tag"),
    state: IN_STATE[filters.get("state") ?? ""] ?? [],
    sort: SORTS.includes(sort) ? sort : "newest",
  };
  return { query };
}

/** Whether it still belongs into the list, as far as can be told here. */
export function fits(entry: Entry, { query }: Asked): boolean {
  return query.folder === undefined || entry.folder === query.folder;
}

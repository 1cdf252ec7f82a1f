// What somebody may do with a recording, by how far they get with it.
import type { Entry } from "./shelf.svelte";

export type Deed = "rename" | "move" | "tags" | "share" | "keep" | "again" | "retry" | "delete";

export const mayRename = (entry: Entry): boolean => entry.access === "own" || entry.access === "edit";
export const mayTag = (entry: Entry): boolean => entry.access === "own" || entry.access === "edit";
export const mayShare = (entry: Entry): boolean => entry.access === "own";
export const mayDelete = (entry: Entry): boolean => entry.access === "own" && !entry.is_held;

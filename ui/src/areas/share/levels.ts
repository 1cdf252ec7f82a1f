// How far somebody gets with a recording that is shared with them.
export const LEVELS = ["view", "comment", "edit"] as const;
export type Level = (typeof LEVELS)[number];

/** As the API names whom one shares with: exactly one of both. */
export interface Whom {
  user?: string | null;
  team?: string | null;
}

// What the address asks of the search. Whatever it says wrongly counts as not said.
import type { Schemas } from "../../api/client";

export type Hit = Schemas["Hit"];
export const KINDS = ["transcript", "translation", "screen", "summary"] as const;
export type Kind = (typeof KINDS)[number];
export const FILTERS = ["kind", "speaker", "language", "since", "until", "recording"];
export const PERIODS = [7, 30, 365] as const;

export interface Question {
  q: string;
  kind?: Kind;
  recording?: string;
  speaker?: string;
  language?: string;
  since?: string;
  until?: string;
}

/** "2026-11-24", local, some days from today. */
export function dayAgo(days: number, now = new Date()): string {
  const then = new Date(now.getFullYear(), now.getMonth(), now.getDate() - days);
  return [then.getFullYear(), String(then.getMonth() + 1).padStart(2, "0"), String(then.getDate()).padStart(2, "0")].join("-");
}

/** The moment at which a local day begins, or the one after it. */
function begin(day: string | null, later = 0): string | undefined {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day ?? "");
  if (!found) return undefined;
  const then = new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]) + later);
  return then.getFullYear() > 0 ? then.toISOString() : undefined;
}

/** null: nothing to search for. The day of `until` is meant to be within. */
export function question(query: URLSearchParams): Question | null {
  const q = query.get("q")?.trim().slice(0, 500);
  if (!q) return null;
  const kind = query.get("kind") as Kind, language = query.get("language") ?? "", recording = query.get("recording") ?? "";
  return {
    q,
    kind: KINDS.includes(kind) ? kind : undefined,
    recording: /^[\da-f-]{36}$/.test(recording) ? recording : undefined,
    speaker: query.get("speaker")?.trim() || undefined,
    language: /^[a-z]{2,3}$/.test(language) ? language : undefined,
    since: begin(query.get("since")),
    until: begin(query.get("until"), 1),
  };
}

export interface Group {
  recording: string;
  name: string;
  hits: Hit[];
}

/** By recording, best first; within one as they come in it. */
export function grouped(hits: Hit[]): Group[] {
  const found = new Map<string, Group>();
  for (const hit of hits) {
    const group = found.get(hit.recording) ?? { recording: hit.recording, name: hit.name, hits: [] };
    group.hits.push(hit);
    found.set(hit.recording, group);
  }
  return [...found.values()];
}

/** Where the moment is seen: in the transcript, or in the tab of its kind. */
export function address(hit: Hit, q: string): string {
  const query = new URLSearchParams({ at: hit.start.toFixed(1), q });
  if (hit.kind !== "transcript") query.set("tab", hit.kind);
  if (hit.kind === "translation") query.set("into", hit.variant);
  if (hit.kind === "summary") query.set("template", hit.variant);
  return `/recordings/${hit.recording}?${query}`;
}

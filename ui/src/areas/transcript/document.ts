// A transcript under edit: segments by time, changes and what undoes them. The same rules as the server's, which has the
// last word: what stands here only shows a change before the server has made it. Pure.
import type { Schemas } from "../../api/client";

export type Piece = Schemas["Piece"];
export type Word = Schemas["Word"];
export type Change = Schemas["Batch"]["changes"][number];
export type News = Pick<Schemas["News"], "segments" | "removed" | "speakers">;
type Pieces = Map<string, Piece>;

/** By start, end, length of the id, id. */
export function byPlace(a: Piece, b: Piece): number {
  return a.start - b.start || a.end - b.end || a.id.length - b.id.length || (a.id < b.id ? -1 : Number(a.id > b.id));
}

export const ordered = (pieces: Pieces): Piece[] => [...pieces.values()].sort(byPlace);
export const byId = (segments: readonly Piece[]): Pieces => new Map(segments.map((piece) => [piece.id, piece]));

/** In the order in which they are first heard. */
export function speakersOf(segments: readonly Piece[]): string[] {
  const heard = new Set<string>();
  for (const piece of segments) if (piece.speaker) heard.add(piece.speaker);
  return [...heard];
}

/** What the server tells, in place of what was known. */
export function withNews(pieces: Pieces, news: News): Pieces {
  const next = new Map(pieces);
  for (const id of news.removed ?? []) next.delete(id);
  for (const [id, speaker] of Object.entries(news.speakers ?? {})) {
    const piece = next.get(id);
    if (piece) next.set(id, { ...piece, speaker });
  }
  for (const piece of news.segments ?? []) next.set(piece.id, piece);
  return next;
}

/** Make a change to these pieces, in place; one that no longer fits does nothing. */
export function play(pieces: Pieces, change: Change): void {
  const make = MAKERS[change.kind] as ((pieces: Pieces, change: Change) => void) | undefined;
  make?.(pieces, change);
}

const MAKERS: { [K in Change["kind"]]?: (pieces: Pieces, change: Extract<Change, { kind: K }>) => void } = {
  set_text(pieces, { segment, text }) {
    const piece = pieces.get(segment);
    if (piece && piece.text !== text) pieces.set(segment, withText(piece, text));
  },
  split(pieces, change) {
    const piece = pieces.get(change.segment);
    if (piece && change.new) split(pieces, piece, change.at, change.new, change.time_s ?? null);
  },
  merge(pieces, { first, second }) {
    const a = pieces.get(first), b = pieces.get(second);
    if (a && b && a !== b) merge(pieces, a, b);
  },
  set_speaker(pieces, { segments, speaker }) {
    for (const id of segments) {
      const piece = pieces.get(id);
      if (piece) pieces.set(id, { ...piece, speaker });
    }
  },
  rename_speaker: (pieces, { old, new: name }) => respeak(pieces, old, name),
  merge_speakers: (pieces, { source, into }) => respeak(pieces, source, into),
  remove_segment: (pieces, { segment }) => void pieces.delete(segment),
  put: (pieces, { segment }) => void pieces.set(segment.id, segment),
};

function respeak(pieces: Pieces, from: string, to: string): void {
  for (const [id, piece] of pieces) if (piece.speaker === from) pieces.set(id, { ...piece, speaker: to });
}

function split(pieces: Pieces, piece: Piece, at: number, id: string, asked: number | null): void {
  const letters = [...piece.text];
  const left = letters.slice(0, at).join("").trimEnd(), right = letters.slice(at).join("").trimStart();
  if (!left || !right) return;
  const words = piece.words ?? [];
  const count = wordsIn(left).length;
  const before = words[count - 1], after = words[count];
  const between = before && after ? (before.end + Math.max(before.end, after.start)) / 2 : (piece.start + piece.end) / 2;
  const time = Math.min(Math.max(asked ?? between, piece.start), piece.end);
  pieces.set(piece.id, { ...piece, end: time, text: left, words: words.slice(0, count) });
  pieces.set(id, { ...piece, id, start: time, text: right, words: words.slice(count) });
}

function merge(pieces: Pieces, first: Piece, second: Piece): void {
  const [a, b] = [first, second].sort(byPlace) as [Piece, Piece];
  const text = [a.text.trimEnd(), b.text.trimStart()].filter(Boolean).join(" ");
  const words = [...(a.words ?? []), ...(b.words ?? [])];
  pieces.delete(second.id);
  pieces.set(first.id, { ...first, start: a.start, end: Math.max(a.end, b.end), text, words });
}

const wordsIn = (text: string): string[] => text.match(/\S+/g) ?? [];

/** With words at the beginning and at the end that stayed as they were; between them, times are spread. */
export function withText(piece: Piece, text: string): Piece {
  const old = piece.words ?? [], typed = wordsIn(text);
  let head = 0, tail = 0;
  while (head < old.length && head < typed.length && old[head]!.text.trim() === typed[head]) head++;
  while (tail < old.length - head && tail < typed.length - head && old.at(-1 - tail)!.text.trim() === typed.at(-1 - tail)) tail++;
  const between = typed.slice(head, typed.length - tail);
  const left = old[head - 1]?.end ?? piece.start;
  const right = Math.max(left, old[old.length - tail]?.start ?? piece.end);
  const step = (right - left) / Math.max(1, between.length);
  const spread = between.map((word, at): Word => ({ start: left + step * at, end: left + step * (at + 1), text: word, confidence: null, approximate: true }));
  return { ...piece, text, words: [...old.slice(0, head), ...spread, ...(tail ? old.slice(-tail) : [])] };
}

/** What undoes a change, made to these pieces. */
export function inverse(pieces: Pieces, change: Change): Change[] {
  if (change.kind === "rename_speaker") return [{ kind: "rename_speaker", old: change.new, new: change.old }];
  if (change.kind === "set_speaker" || change.kind === "merge_speakers") {
    const after = new Map(pieces);
    play(after, change);
    return speakersAgain(pieces, after);
  }
  const ids = linesOf(change);
  const after: Pieces = new Map(ids.flatMap((id) => (pieces.has(id) ? [[id, pieces.get(id)!]] : [])));
  play(after, change);
  return ids.flatMap((id) => again(pieces.get(id), after.get(id)));
}

function again(was: Piece | undefined, is: Piece | undefined): Change[] {
  if (was === is) return [];
  if (!was) return [{ kind: "remove_segment", segment: is!.id, before: is!.text }];
  return [{ kind: "put", segment: was, before: is ? is.text : null }];
}

/** Those that a change of single lines is about. */
export function linesOf(change: Change): string[] {
  if (change.kind === "merge") return [change.first, change.second];
  if (change.kind === "put") return [change.segment.id];
  if (change.kind === "split") return [change.segment, change.new ?? ""];
  if (change.kind === "set_speaker") return change.segments;
  return "segment" in change ? [change.segment as string] : [];
}

function speakersAgain(pieces: Pieces, after: Pieces): Change[] {
  const groups = new Map<string | null, string[]>();
  for (const [id, was] of pieces) {
    if (after.get(id)?.speaker === was.speaker) continue;
    groups.set(was.speaker, [...(groups.get(was.speaker) ?? []), id]);
  }
  return [...groups].map(([speaker, segments]) => ({ kind: "set_speaker", segments, speaker }));
}

/** What takes a line back to what it was, though others may have changed it since: as a whole if nobody did. */
export function fitting(pieces: Pieces, change: Change): Change {
  if (change.kind !== "put") return change;
  const now = pieces.get(change.segment.id);
  if (!now || change.before === null || change.before === undefined) return change;
  if (now.text === change.before) return { ...change, segment: { ...change.segment, speaker: now.speaker } };
  return { kind: "set_text", segment: now.id, before: change.before, text: change.segment.text };
}

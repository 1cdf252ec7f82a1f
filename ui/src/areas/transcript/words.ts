// Where the words of a line stand in its text, and which one is said when. Pure.
import type { Piece } from "./document";

/** For each word the place of its first letter and the one after its last; -1 where the text does not have it. */
export type Spans = Int32Array;
const known = new WeakMap<Piece, Spans>();

export function spansOf(piece: Piece): Spans {
  const found = known.get(piece);
  if (found) return found;
  const words = piece.words ?? [], spans = new Int32Array(words.length * 2).fill(-1);
  let cursor = 0;
  words.forEach((word, at) => {
    const text = word.text.trim();
    const from = text ? piece.text.indexOf(text, cursor) : -1;
    if (from < 0) return;
    spans[2 * at] = from;
    spans[2 * at + 1] = cursor = from + text.length;
  });
  known.set(piece, spans);
  return spans;
}

/** The last one that begins at `time` or before; -1 before the first. They begin one after the other. */
export function lastBegun(begins: readonly { start: number }[], time: number): number {
  let low = 0, high = begins.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (begins[middle]!.start <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** When what stands at this letter of the line is said. */
export function timeAt(piece: Piece, letter: number): number {
  const spans = spansOf(piece), words = piece.words ?? [];
  for (let at = words.length - 1; at >= 0; at--) {
    if (spans[2 * at]! >= 0 && spans[2 * at]! <= letter) return words[at]!.start;
  }
  return piece.start;
}

/** Where in the text stands what is said at `time`; null between words. */
export function spokenAt(piece: Piece, time: number): [from: number, to: number] | null {
  const words = piece.words ?? [], at = lastBegun(words, time), word = words[at];
  if (!word || time > word.end + 0.25) return null;
  const spans = spansOf(piece), from = spans[2 * at]!;
  return from < 0 ? null : [from, spans[2 * at + 1]!];
}

const UNSURE = 0.6;

/** The stretches of text that were heard with little certainty. */
export function unsureOf(piece: Piece): [number, number][] {
  const spans = spansOf(piece);
  return (piece.words ?? []).flatMap((word, at): [number, number][] => {
    const doubtful = word.confidence !== null && word.confidence !== undefined && word.confidence < UNSURE;
    return doubtful && spans[2 * at]! >= 0 ? [[spans[2 * at]!, spans[2 * at + 1]!]] : [];
  });
}

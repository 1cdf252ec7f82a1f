// Finding and replacing in a transcript, as the server does it. Pure.
import type { Change, Piece } from "./document";

export interface Wanted {
  text: string;
  matchCase: boolean;
  wholeWords: boolean;
}
export interface Match {
  id: string;
  from: number;
  to: number;
}

export function patternOf({ text, matchCase, wholeWords }: Wanted): RegExp | null {
  if (!text) return null;
  const literal = text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&").replaceAll("\\-", "\\x2d");
  const source = wholeWords ? `(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])` : literal;
  return new RegExp(source, matchCase ? "gu" : "giu");
}

export function matches(pieces: readonly Piece[], wanted: Wanted): Match[] {
  const pattern = patternOf(wanted);
  if (!pattern) return [];
  return pieces.flatMap((piece) => [...piece.text.matchAll(pattern)].map((hit) => ({ id: piece.id, from: hit.index, to: hit.index + hit[0].length })));
}

/** What puts `by` in place of one match, or of all. */
export function replacing(pieces: readonly Piece[], found: readonly Match[], by: string): Change[] {
  const inLine = new Map<string, Match[]>();
  for (const match of found) inLine.set(match.id, [...(inLine.get(match.id) ?? []), match]);
  return pieces.flatMap((piece): Change[] => {
    const own = inLine.get(piece.id);
    if (!own) return [];
    const text = own.toReversed().reduce((now, { from, to }) => now.slice(0, from) + by + now.slice(to), piece.text);
    return text === piece.text ? [] : [{ kind: "set_text", segment: piece.id, before: piece.text, text }];
  });
}

// What was said when: stretches of citations, what a stretch says, and which line plays. Pure.
export interface Stretch {
  start: number;
  end: number;
}
interface Line extends Stretch {
  text: string;
}

const APART_S = 1.5;

/** Lines that follow each other make one stretch, so that a sentence has few of them. */
export function stretches(citations: readonly (Stretch & { segment: number })[]): Stretch[] {
  const joined: (Stretch & { segment: number })[] = [];
  for (const one of [...citations].sort((a, b) => a.segment - b.segment)) {
    const last = joined.at(-1);
    if (last && one.segment - last.segment <= 1) joined[joined.length - 1] = { ...one, start: last.start, end: Math.max(last.end, one.end) };
    else joined.push({ ...one });
  }
  return joined.map(({ start, end }) => ({ start, end }));
}

/** What is said in the stretch, as the transcript has it now. */
export function saidIn(lines: readonly Line[], { start, end }: Stretch, most = 280): string {
  const inside = lines.filter((one) => (one.start + one.end) / 2 >= start && (one.start + one.end) / 2 <= end);
  const text = (inside.length ? inside : lines.filter((one) => one.start < end && one.end > start)).map((one) => one.text).join(" ");
  return text.length > most ? `${text.slice(0, most).replace(/\s+\S*$/, "")} …` : text;
}

/** The last line that has begun, where it has not long ended; -1 where there is none. `lines` by start. */
export function playingAt(lines: readonly Stretch[], seconds: number): number {
  let low = 0, high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.start <= seconds + 0.05) low = middle + 1;
    else high = middle;
  }
  const last = lines[low - 1];
  return last && seconds <= last.end + APART_S ? low - 1 : -1;
}

/** To each line of a translation what it translates: every line of the original goes where it overlaps most. */
export function besides<T extends Stretch>(translated: readonly T[], originals: readonly Line[]): { line: T; original: string }[] {
  const texts: string[][] = translated.map(() => []);
  let from = 0;
  for (const one of originals) {
    while (from < translated.length - 1 && translated[from]!.end <= one.start) from++;
    let best = -1, most = 0;
    for (let at = from; at < translated.length && translated[at]!.start < one.end; at++) {
      const shared = Math.min(one.end, translated[at]!.end) - Math.max(one.start, translated[at]!.start);
      if (shared > most) [best, most] = [at, shared];
    }
    if (best >= 0) texts[best]!.push(one.text);
  }
  return translated.map((line, at) => ({ line, original: texts[at]!.join(" ") }));
}

/** "1:05", "65" or "1:00:05.5" in seconds; null where it is no time. */
export function secondsOf(written: string): number | null {
  const parts = written.trim().replace(",", ".").split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d+)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

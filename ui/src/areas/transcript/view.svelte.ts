// How one person looks at a transcript: the line they are at, the one they type in, those they chose, what they look for.
import { matches, type Match, type Wanted } from "./find";
import type { Piece } from "./document";

const KEPT_UNSURE = "echo.unsure";

export class View {
  current = $state<string | null>(null);
  editing = $state<string | null>(null);
  chosen = $state.raw<ReadonlySet<string>>(new Set());
  follows = $state(true);
  unsure = $state(localStorage.getItem(KEPT_UNSURE) === "yes");
  finding = $state(false);
  wanted = $state<Wanted>({ text: "", matchCase: false, wholeWords: false });
  foundAt = $state(0);
  /** The line to bring into view; a new object each time. `caret`: type there. */
  shown = $state.raw<{ id: string; caret?: number | null; focus?: boolean } | null>(null);
  /** Whose speaker is to be said, and by which button. */
  speaker = $state.raw<{ ids: string[]; near: HTMLElement } | null>(null);
  found: Match[] = $derived.by(() => (this.finding ? matches(this.pieces(), this.wanted) : []));
  #anchor: string | null = null;

  constructor(private readonly pieces: () => readonly Piece[]) {}

  get match(): Match | undefined {
    return this.found[Math.min(this.foundAt, this.found.length - 1)];
  }

  showUnsure(on: boolean): void {
    this.unsure = on;
    localStorage.setItem(KEPT_UNSURE, on ? "yes" : "no");
  }

  edit(id: string, caret: number | null = null): void {
    this.current = this.editing = id;
    this.follows = false;
    this.shown = { id, caret: caret ?? 0, focus: true };
  }

  /** The line `by` places further, if there is one. */
  beside(id: string, by: number): string | null {
    const pieces = this.pieces(), at = pieces.findIndex((piece) => piece.id === id);
    return pieces[at + by]?.id ?? null;
  }

  go(by: number): void {
    const pieces = this.pieces();
    const to = this.current ? this.beside(this.current, by) : pieces[0]?.id;
    if (!to) return;
    this.current = to;
    this.follows = false;
    this.shown = { id: to, focus: true };
  }

  choose(id: string, on: boolean, upTo = false): void {
    const next = new Set(this.chosen);
    for (const each of upTo && this.#anchor ? this.#between(this.#anchor, id) : [id]) {
      if (on) next.add(each);
      else next.delete(each);
    }
    this.#anchor = id;
    this.chosen = next;
  }
  #between(a: string, b: string): string[] {
    const pieces = this.pieces();
    const places = [a, b].map((id) => pieces.findIndex((piece) => piece.id === id)).sort((x, y) => x - y);
    return pieces.slice(places[0], places[1]! + 1).map((piece) => piece.id);
  }

  /** From here to the next place where what is looked for stands. */
  step(by: number): void {
    const count = this.found.length;
    if (!count) return;
    this.foundAt = (Math.min(this.foundAt, count - 1) + by + count) % count;
    this.showMatch();
  }
  showMatch(): void {
    const match = this.match;
    if (!match) return;
    this.follows = false;
    this.current = match.id;
    this.shown = { id: match.id };
  }
}

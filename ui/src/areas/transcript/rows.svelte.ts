// Which lines of a long transcript are on the page: those in view and some around them. The others only take up room:
// as much as was measured when they were seen, or as much as their text will need.
import type { Piece } from "./document";

const AROUND_PX = 700;
const LETTER_PX = 7.7;

export class Rows {
  first = $state(0);
  last = $state(0);
  top = $state(0);
  total = $state(0);
  #heights = new Map<string, number>();
  #tops = new Float64Array(1);
  #pieces: readonly Piece[] = [];
  #width = 0;
  #row = 28;
  #around = 30;

  constructor(private readonly scroller: () => HTMLElement | undefined) {}

  /** The lines are these now, in a column so wide. `row`: the height of one row of text; `around`: what a line has besides. */
  set(pieces: readonly Piece[], width: number, row: number, around: number): void {
    if (Math.abs(width - this.#width) > 1 || row !== this.#row || around !== this.#around) this.#heights.clear();
    [this.#pieces, this.#width, this.#row, this.#around] = [pieces, width, row, around];
    this.#place();
    this.look();
  }

  #place(): void {
    const tops = this.#tops.length === this.#pieces.length + 1 ? this.#tops : new Float64Array(this.#pieces.length + 1);
    const letters = Math.max(12, this.#width / LETTER_PX);
    let y = 0;
    this.#pieces.forEach((piece, at) => {
      tops[at] = y;
      y += this.#heights.get(piece.id) ?? Math.ceil(Math.max(1, piece.text.length) / letters) * this.#row + this.#around;
    });
    tops[this.#pieces.length] = y;
    this.#tops = tops;
    this.total = y;
  }

  at(y: number): number {
    let low = 0, high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#tops[middle + 1]! <= y) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, Math.max(0, this.#pieces.length - 1));
  }
  topOf = (at: number): number => this.#tops[at] ?? 0;
  heightOf = (at: number): number => (this.#tops[at + 1] ?? 0) - (this.#tops[at] ?? 0);

  /** After scrolling: bring in what came into view. */
  look = (): void => {
    const scroller = this.scroller();
    if (!scroller) return;
    const y = scroller.scrollTop, height = scroller.clientHeight;
    this.first = this.at(Math.max(0, y - AROUND_PX));
    this.last = Math.min(this.#pieces.length, this.at(y + height + AROUND_PX) + 1);
    this.top = this.topOf(this.first);
  };

  /** Lines are as high as this. What is in view stays where it is, though lines above it turned out otherwise. */
  measured(heights: Map<string, number>): void {
    const scroller = this.scroller();
    if (!scroller) return;
    let changed = false;
    for (const [id, height] of heights) {
      if (Math.abs((this.#heights.get(id) ?? -1) - height) < 0.5) continue;
      this.#heights.set(id, height);
      changed = true;
    }
    if (!changed) return;
    const y = scroller.scrollTop, seen = this.at(y), inside = y - this.topOf(seen);
    this.#place();
    const shift = this.topOf(seen) + inside - y;
    this.look();
    if (Math.abs(shift) >= 1) scroller.scrollTop = y + shift;
  }
}

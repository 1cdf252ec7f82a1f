// The caret in a line that is edited. A line's element has one text node, or none when it is empty.
interface Caret {
  from: number;
  to: number;
}

/** Where the selection stands in this line's text; null when it is elsewhere. */
export function caretIn(line: HTMLElement): Caret | null {
  const selection = getSelection();
  if (!selection?.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!line.contains(range.startContainer) || !line.contains(range.endContainer)) return null;
  return { from: offset(line, range.startContainer, range.startOffset), to: offset(line, range.endContainer, range.endOffset) };
}

function offset(line: HTMLElement, node: Node, at: number): number {
  const before = new Range();
  before.setStart(line, 0);
  before.setEnd(node, at);
  return before.toString().length;
}

export function putCaret(line: HTMLElement, from: number, to = from): void {
  const node = line.firstChild, most = line.textContent.length;
  const range = new Range();
  range.setStart(node ?? line, node ? Math.min(from, most) : 0);
  range.setEnd(node ?? line, node ? Math.min(to, most) : 0);
  const selection = getSelection();
  selection?.removeAllRanges();
  selection?.addRange(range);
}

/** Show this text; the caret stays between the letters where it was. */
export function putText(line: HTMLElement, text: string): void {
  const old = line.textContent;
  const whole = line.childNodes.length <= 1 && (!line.firstChild || line.firstChild instanceof Text);
  if (old === text && whole) return;
  const caret = document.activeElement === line ? caretIn(line) : null;
  line.replaceChildren(...(text ? [text] : []));
  if (caret) putCaret(line, moved(caret.from, old, text), moved(caret.to, old, text));
}

/** Where a place in the old text is in the new one. Pure. */
export function moved(at: number, old: string, text: string): number {
  let head = 0;
  while (head < old.length && head < text.length && old[head] === text[head]) head++;
  if (at <= head) return at;
  let tail = 0;
  while (tail < old.length - head && tail < text.length - head && old.at(-1 - tail) === text.at(-1 - tail)) tail++;
  if (at >= old.length - tail) return at + text.length - old.length;
  return text.length - tail;
}

/** The letter of a line's text under a point of the window; null where there is none. */
export function letterAt(line: HTMLElement, x: number, y: number): number | null {
  const position = document.caretPositionFromPoint?.(x, y);
  const place = position ? { node: position.offsetNode, at: position.offset } : rangeAt(x, y);
  return place && line.contains(place.node) ? offset(line, place.node, place.at) : null;
}

function rangeAt(x: number, y: number): { node: Node; at: number } | null {
  const range = document.caretRangeFromPoint?.(x, y);
  return range ? { node: range.startContainer, at: range.startOffset } : null;
}

/** Whether the caret stands in the first or the last row of what is shown of the line. */
export function caretOnEdge(line: HTMLElement, edge: "first" | "last"): boolean {
  const selection = getSelection();
  if (!selection?.rangeCount || !selection.isCollapsed) return false;
  const rect = selection.getRangeAt(0).getClientRects()[0], box = line.getBoundingClientRect();
  if (!rect) return true;
  return edge === "first" ? rect.top - box.top < rect.height * 0.8 : box.bottom - rect.bottom < rect.height * 0.8;
}

// What keys do on a line, and in one that is edited.
import { isSilenced } from "../../shortcuts";
import type { RecordingModel } from "../recording/model.svelte";
import { caretIn, caretOnEdge, putCaret, putText } from "./caret";
import type { Editor } from "./editor.svelte";
import type { View } from "./view.svelte";
import { timeAt } from "./words";

/** In a line that is only read. */
export function keyOnLine(event: KeyboardEvent, id: string, model: RecordingModel, view: View): void {
  if (event.ctrlKey || event.metaKey || event.altKey || isSilenced(event)) return;
  const { key } = event, piece = model.editor.piece(id);
  if (key === "ArrowDown" || key === "ArrowUp") {
    if (event.shiftKey && model.canEdit) view.choose(id, true);
    view.go(key === "ArrowDown" ? 1 : -1);
    if (event.shiftKey && model.canEdit && view.current) view.choose(view.current, true);
  } else if ((key === "Enter" || key === "F2") && model.canEdit) view.edit(id, 0);
  else if (key === "Enter" && piece) model.player.seek(piece.start);
  else if (key === "x" && model.canEdit) view.choose(id, !view.chosen.has(id));
  else if (/^[1-9]$/.test(key) && model.canEdit) giveSpeaker(id, Number(key) - 1, model, view);
  else if (key === "Escape" && view.chosen.size) view.chosen = new Set();
  else return;
  event.preventDefault();
}

/** Who is first, second, … in this recording says the line, or all that are chosen. */
function giveSpeaker(id: string, at: number, model: RecordingModel, view: View): void {
  const speaker = model.speakers[at];
  const lines = view.chosen.has(id) ? [...view.chosen] : [id];
  if (speaker) model.editor.change([{ kind: "set_speaker", segments: lines, speaker }]);
}

/** In a line that is edited. While an input method composes, keys are its own. */
export function keyInLine(event: KeyboardEvent, line: HTMLElement, id: string, model: RecordingModel, view: View): void {
  if (event.isComposing || event.keyCode === 229) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (act(event, line, id, model, view)) event.preventDefault();
}

function act(event: KeyboardEvent, line: HTMLElement, id: string, model: RecordingModel, view: View): boolean {
  const caret = caretIn(line), { key } = event;
  if (key === "Escape") {
    view.editing = null;
    view.shown = { id, focus: true };
    return true;
  }
  if (key === "Enter") return !caret || split(caret.from, id, model, view) || true;
  if (key === "Tab") return beside(event.shiftKey ? -1 : 1, id, 0, view);
  if (!caret || caret.from !== caret.to) return false;
  if (key === "Backspace" && caret.from === 0) return merge(id, model.editor, view);
  if (key === "Delete" && caret.from === line.textContent.length) return merge(view.beside(id, 1), model.editor, view);
  if (event.shiftKey) return false;
  if (key === "ArrowUp" && caretOnEdge(line, "first")) return beside(-1, id, caret.from, view);
  if (key === "ArrowDown" && caretOnEdge(line, "last")) return beside(1, id, caret.from, view);
  return false;
}

function split(at: number, id: string, model: RecordingModel, view: View): boolean {
  const fresh = model.editor.split(id, at);
  if (fresh) view.edit(fresh, 0);
  return fresh !== null;
}

function merge(id: string | null, editor: Editor, view: View): boolean {
  const met = id && editor.mergeBefore(id);
  if (met) view.edit(met.id, met.caret);
  return !!met;
}

function beside(by: number, id: string, caret: number, view: View): boolean {
  const to = view.beside(id, by);
  if (to) view.edit(to, caret);
  return to !== null;
}

/** Text from elsewhere comes in as one line, without its looks. */
export function pasted(event: ClipboardEvent, id: string | undefined, view: View, editor: Editor): void {
  if (!id || view.editing !== id) return;
  const line = (event.target as Element).closest<HTMLElement>(".text"), caret = line && caretIn(line);
  event.preventDefault();
  if (!caret) return;
  const text = (event.clipboardData?.getData("text/plain") ?? "").replace(/\s*[\r\n]+\s*/g, " ").replaceAll("\0", "");
  const old = line.textContent;
  putText(line, old.slice(0, caret.from) + text + old.slice(caret.to));
  putCaret(line, caret.from + text.length);
  editor.typed(id, line.textContent);
}

/** When what stands at the caret is said: for playing on from there while typing. */
export function timeAtCaret(model: RecordingModel, view: View): number | null {
  const piece = view.editing ? model.editor.piece(view.editing) : undefined;
  const line = document.activeElement as HTMLElement | null;
  const caret = line?.closest(".text") ? caretIn(line) : null;
  return piece && caret ? timeAt(piece, caret.from) : null;
}

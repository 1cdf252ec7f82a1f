// Keys that work everywhere on the page of a recording.
import { isSilenced } from "../../shortcuts";
import type { View } from "../transcript/view.svelte";
import { timeAtCaret } from "../transcript/keys";
import type { RecordingModel } from "./model.svelte";

const TYPES_IN = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]:not([contenteditable=false])";
const ACTS_ON_SPACE = "button, a, input, summary, [role=menuitem], [role=tab], [role=option]";

/** Does what the key says; false where it says nothing. */
export function keyOnPage(event: KeyboardEvent, model: RecordingModel, view: View, help: () => void): boolean {
  const target = event.target as Element;
  if (event.defaultPrevented || event.isComposing || target.closest?.("dialog, [popover]")) return false;
  const types = !!target.closest?.(TYPES_IN);
  const mod = event.ctrlKey || event.metaKey;
  if (event.code === "Space" && event.ctrlKey) return (playFromCaret(model, view), true);
  if (event.altKey && !mod) return besides(event.key, model);
  if (mod) return withControl(event, model, view, types && !target.closest(".transcript .text"));
  if (types || isSilenced(event)) return false;
  if (event.key === " ") return target.closest?.(ACTS_ON_SPACE) ? false : (model.player.toggle(), true);
  return single(event.key, model, view, help);
}

/** Plays on from the word at the caret, unless it plays. */
function playFromCaret(model: RecordingModel, view: View): void {
  const time = model.player.playing ? null : timeAtCaret(model, view);
  if (time !== null) model.player.seek(time);
  model.player.toggle();
}

function besides(key: string, { player }: RecordingModel): boolean {
  if (key === "ArrowLeft") player.back();
  else if (key === "ArrowRight") player.forward();
  else return false;
  return true;
}

function withControl(event: KeyboardEvent, model: RecordingModel, view: View, inOtherField: boolean): boolean {
  const key = event.key.toLowerCase();
  if (key === "s") model.editor.saveNow();
  else if (key === "f" && model.editor.state === "ready") {
    view.finding = false;
    queueMicrotask(() => (view.finding = true));
  } else if (inOtherField || !model.canEdit) return false;
  else if (key === "z" && event.shiftKey) model.editor.redo();
  else if (key === "z") model.editor.undo();
  else if (key === "y") model.editor.redo();
  else return false;
  return true;
}

function single(key: string, model: RecordingModel, view: View, help: () => void): boolean {
  const { player } = model;
  const deeds: Record<string, () => void> = {
    k: player.toggle, j: player.back, l: player.forward, ",": player.slower, ".": player.faster,
    u: () => view.showUnsure(!view.unsure), b: () => model.goTo(player.time), "?": help,
  };
  const deed = deeds[key.length === 1 ? key.toLowerCase() : key];
  deed?.();
  return !!deed;
}

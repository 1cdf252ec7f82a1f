// Short messages at the foot of the page, and deeds that can be taken back for a while.
import { wordsOf } from "../api/client";

export interface Toast {
  id: number;
  text: string;
  kind: "news" | "bad";
  undo?: () => void;
}

const STAYS_MS = 6000;
const UNDO_MS = 8000;
export const toasts = $state<Toast[]>([]);
let counted = 0;

function show(toast: Omit<Toast, "id">, staysMs: number): number {
  const id = ++counted;
  toasts.push({ ...toast, id });
  if (toasts.length > 4) toasts.shift();
  setTimeout(() => dismiss(id), staysMs);
  return id;
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((toast) => toast.id === id);
  if (at >= 0) toasts.splice(at, 1);
}

/** Something went well. `undo`: what takes it back. */
export const tell = (text: string, undo?: () => void): number => show({ text, kind: "news", undo }, undo ? UNDO_MS : STAYS_MS);

/** Something went wrong. Aborted requests are no news. */
export function complain(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  show({ text: wordsOf(error), kind: "bad" }, 2 * STAYS_MS);
}

const pending = new Set<() => void>();
addEventListener("pagehide", () => [...pending].forEach((act) => act()));

/** Do what can't be taken back only when nobody undid it: shown as done at once, done in a moment or when the page is
 * left (so `act` should fetch with keepalive). `undone` puts back what was shown. */
export function later(text: string, act: () => Promise<unknown>, undone: () => void): void {
  const once = () => {
    clearTimeout(timer);
    if (pending.delete(once)) act().catch((error) => (complain(error), undone()));
  };
  const timer = setTimeout(once, UNDO_MS);
  pending.add(once);
  const id = tell(text, () => {
    clearTimeout(timer);
    pending.delete(once);
    dismiss(id);
    undone();
  });
}

// Changes that the server does not have yet, kept in the browser from the moment they are made: a crash, a reload or a
// lost network loses none. A batch is written once under its id; when it was sent once, it is never added to.
import type { Change } from "./document";

export interface Batch {
  batch: string;
  /** The tab that makes it. Others leave it alone while that one shows signs of life. */
  tab: string;
  /** The revision that its changes were made to. */
  base: number;
  changes: Change[];
  together: boolean;
  sealed: boolean;
  touched: number;
}

const ABANDONED_MS = 30_000;
const MOST_CHANGES = 1_000;

export function freshId(): string {
  // randomUUID is there only over HTTPS.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function tabId(): string {
  const kept = sessionStorage.getItem("echo.tab") ?? freshId();
  sessionStorage.setItem("echo.tab", kept);
  return kept;
}

export class Outbox {
  readonly batches: Batch[] = [];
  readonly #prefix: string;
  readonly #tab = tabId();

  constructor(person: string, recording: string) {
    this.#prefix = `echo.unsent.${person}.${recording}.`;
  }

  /** What was left over, of this tab and of others that are gone, oldest first. */
  adopt(): Batch[] {
    const known = new Set(this.batches.map((batch) => batch.batch));
    const found = Object.keys(localStorage)
      .filter((key) => key.startsWith(this.#prefix) && !known.has(key.slice(this.#prefix.length)))
      .map((key) => read(localStorage.getItem(key)))
      .filter((batch) => batch !== null)
      .filter((batch) => batch.tab === this.#tab || Date.now() - batch.touched > ABANDONED_MS)
      .sort((a, b) => a.touched - b.touched);
    for (const batch of found) this.batches.push({ ...batch, tab: this.#tab });
    return found;
  }

  /** Add changes to the batch that is open, or to a new one. */
  add(changes: Change[], base: number, together: boolean): void {
    for (let at = 0; at < changes.length; at += MOST_CHANGES) {
      const part = changes.slice(at, at + MOST_CHANGES);
      const last = this.batches.at(-1);
      const fits = last && !last.sealed && !together && !last.together && last.base === base && last.changes.length + part.length <= MOST_CHANGES;
      const batch = fits ? last : this.#fresh(base, together);
      for (const change of part) join(batch.changes, change);
      this.#keep(batch);
    }
  }
  #fresh(base: number, together: boolean): Batch {
    const batch = { batch: freshId(), tab: this.#tab, base, changes: [], together, sealed: false, touched: Date.now() };
    this.batches.push(batch);
    return batch;
  }

  /** From now on as it is: it is being sent. */
  seal(batch: Batch): void {
    batch.sealed = true;
    this.#keep(batch);
  }
  /** Under an id that the server has not seen. */
  rename(batch: Batch): void {
    localStorage.removeItem(this.#prefix + batch.batch);
    batch.batch = freshId();
    this.#keep(batch);
  }
  /** It is still wanted: other tabs leave it alone. */
  touch(): void {
    for (const batch of this.batches) this.#keep(batch);
  }
  done(batch: Batch): void {
    const at = this.batches.indexOf(batch);
    if (at >= 0) this.batches.splice(at, 1);
    localStorage.removeItem(this.#prefix + batch.batch);
  }

  #keep(batch: Batch): void {
    batch.touched = Date.now();
    try {
      localStorage.setItem(this.#prefix + batch.batch, JSON.stringify(batch));
    } catch {
      // No room: it is still here in memory, and the page asks before it is left.
    }
  }
}

/** Typing in one line goes on in one change; its `before` stays what stood there at first. */
function join(changes: Change[], change: Change): void {
  const last = changes.at(-1);
  if (change.kind === "set_text" && last?.kind === "set_text" && last.segment === change.segment) last.text = change.text;
  else changes.push({ ...change });
}

function read(kept: string | null): Batch | null {
  try {
    const batch = JSON.parse(kept ?? "") as Batch;
    return batch.batch && batch.changes.length ? batch : null;
  } catch {
    return null;
  }
}

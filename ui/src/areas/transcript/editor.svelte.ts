// The transcript that is open: what the server has, with what was changed here and is not saved yet on top of it.
import { api, ApiError, ok, wordsOf, type Schemas } from "../../api/client";
import { poll } from "../../live";
import { t } from "../../messages";
import { complain, tell } from "../../parts/toasts.svelte";
import { keepWhile } from "../../router.svelte";
import { byId, fitting, inverse, linesOf, ordered, play, speakersOf, withNews, type Change, type Piece } from "./document";
import { freshId, Outbox, type Batch } from "./outbox";

const SAVE_AFTER_MS = 700;
const ONE_STEP_MS = 1000;
const RETRY_MS = [1000, 2000, 5000, 10_000, 20_000];
const NEWS_EVERY_MS = 300;
const MOST_KEEPALIVE = 60_000;

export type Saving = "clean" | "saved" | "saving" | "offline" | "refused";
type Outcome = Schemas["Outcome"];
interface Step {
  back: Change[];
  typed: string | null;
  at: number;
}

export class Editor {
  segments = $state.raw<readonly Piece[]>([]);
  speakers = $derived(speakersOf(this.segments));
  revision = $state(0);
  duration = $state(0);
  language = $state("");
  /** `none`: there is no transcript yet. */
  state = $state<"reading" | "ready" | "none" | "failed">("reading");
  problem = $state("");
  saving = $state<Saving>("clean");
  refusal = $state("");
  /** What could not be saved because somebody else changed the same words. */
  drafts = $state.raw<Schemas["Draft"][]>([]);
  canUndo = $state(false);
  canRedo = $state(false);
  /** The line where something was changed by other means than typing in it. */
  touched = $state.raw<{ id: string; caret: number | null } | null>(null);

  #pieces = new Map<string, Piece>();
  #server = new Map<string, Piece>();
  #outbox: Outbox | null = null;
  #done: Step[] = [];
  #undone: Step[] = [];
  #timer = 0;
  #failures = 0;
  #sending = false;
  #endings: (() => void)[] = [];
  #mayEdit = false;

  constructor(
    private readonly recording: string,
    private readonly renamed: (from: string, to: string) => void,
  ) {}

  get #path() {
    return { path: { recording: this.recording } };
  }

  // ---- reading

  /** Ask for it; to be given to `open` later. */
  ask = (): Promise<Schemas["DocumentView"]> => {
    const asked = ok(api.GET("/api/v1/recordings/{recording}/document", { params: this.#path }));
    asked.catch(() => {}); // Whoever opens it hears of that.
    return asked;
  };

  open = async (mayEdit: boolean, person: string, asked = this.ask()): Promise<void> => {
    this.#mayEdit = mayEdit;
    try {
      const found = await asked;
      this.#server = byId(found.segments);
      this.revision = found.revision;
      this.duration = found.duration;
      this.language = found.language;
    } catch (error) {
      if (this.state === "ready") return complain(error);
      this.state = error instanceof ApiError && error.status === 404 ? "none" : "failed";
      this.problem = wordsOf(error);
      return;
    }
    if (mayEdit && !this.#outbox) this.#begin(person);
    this.#show();
    this.state = "ready";
    if (!this.#endings.length) this.#listen();
    if (this.#outbox?.batches.length) void this.#send();
  };

  #begin(person: string): void {
    this.#outbox = new Outbox(person, this.recording);
    if (this.#outbox.adopt().length) this.saving = "saving";
  }

  #listen(): void {
    const end = new AbortController();
    const leaving = () => document.visibilityState === "hidden" && this.#leave();
    addEventListener("pagehide", () => this.#leave(), { signal: end.signal });
    addEventListener("online", () => void this.#send(), { signal: end.signal });
    document.addEventListener("visibilitychange", leaving, { signal: end.signal });
    this.#endings = [
      () => end.abort(),
      poll(() => this.#hear(end.signal), NEWS_EVERY_MS),
      keepWhile(() => this.#wouldLose()),
    ];
  }

  /** What others change comes as soon as they save it. */
  async #hear(signal: AbortSignal): Promise<void> {
    const since = this.revision;
    try {
      const query = { since, wait_s: 20 };
      const news = await ok(api.GET("/api/v1/recordings/{recording}/changes", { params: { ...this.#path, query }, signal }));
      if (since === this.revision && news.revision > since) await this.#take(news);
    } catch {
      // The next turn asks again, in a while; what is said about saving tells whether the server is there.
      await new Promise((wake) => setTimeout(wake, 5000));
    }
  }
  async #catchUp(): Promise<void> {
    const since = this.revision;
    const news = await ok(api.GET("/api/v1/recordings/{recording}/changes", { params: { ...this.#path, query: { since } } }));
    if (since === this.revision) await this.#take(news);
  }
  async #take(news: Schemas["News"]): Promise<void> {
    if (news.reload) return this.open(this.#mayEdit, "");
    this.#server = withNews(this.#server, news);
    this.revision = news.revision;
    this.#show();
  }

  #show(): void {
    const pieces = new Map(this.#server);
    for (const batch of this.#outbox?.batches ?? []) for (const change of batch.changes) play(pieces, change);
    this.#pieces = pieces;
    this.segments = ordered(pieces);
  }

  // ---- changing

  piece = (id: string): Piece | undefined => this.#pieces.get(id);

  /** One deed of the person, as one step back. */
  change = (changes: Change[], { typing = false, together = false } = {}): void => {
    if (!this.#outbox || !changes.length) return;
    const back: Change[] = [];
    for (const change of changes) {
      back.unshift(...inverse(this.#pieces, change));
      this.#play(change);
    }
    const typed = typing && changes[0]!.kind === "set_text" ? changes[0].segment : null;
    const last = this.#done.at(-1);
    if (typed && last?.typed === typed && Date.now() - last.at < ONE_STEP_MS) {
      last.at = Date.now();
      const put = back[0], was = last.back[0];
      // The step goes back to what stood there first, from what stands there now.
      if (put?.kind === "put" && was?.kind === "put") was.before = put.before;
    } else this.#done.push({ back, typed, at: Date.now() });
    this.#undone = [];
    this.#record(changes, together);
  };

  #play(change: Change): void {
    if (change.kind === "rename_speaker") this.renamed(change.old, change.new);
    play(this.#pieces, change);
  }
  #record(changes: Change[], together: boolean): void {
    this.segments = ordered(this.#pieces);
    this.canUndo = this.#done.length > 0;
    this.canRedo = this.#undone.length > 0;
    this.#outbox!.add(changes, this.revision, together);
    this.saving = this.saving === "offline" || this.saving === "refused" ? this.saving : "saving";
    this.#later(SAVE_AFTER_MS);
  }

  typed = (id: string, text: string): void => {
    const piece = this.#pieces.get(id);
    if (piece && piece.text !== text) this.change([{ kind: "set_text", segment: id, before: piece.text, text }], { typing: true });
  };
  /** Two lines of one, before this letter (of JavaScript's). Returns the new line's id, or null where nothing would be left. */
  split = (id: string, at: number): string | null => {
    const piece = this.#pieces.get(id);
    if (!piece || !piece.text.slice(0, at).trim() || !piece.text.slice(at).trim()) return null;
    const fresh = `n${freshId().slice(0, 16)}`;
    this.change([{ kind: "split", segment: id, at: [...piece.text.slice(0, at)].length, before: piece.text, new: fresh }]);
    return fresh;
  };
  /** This line goes into the one before it. Returns where they meet. */
  mergeBefore = (id: string): { id: string; caret: number } | null => {
    const at = this.segments.findIndex((piece) => piece.id === id), before = this.segments[at - 1];
    if (!before) return null;
    const rest = this.segments[at]!.text.trimStart();
    this.change([{ kind: "merge", first: before.id, second: id }]);
    const caret = (this.#pieces.get(before.id)?.text.length ?? 0) - rest.length;
    return { id: before.id, caret };
  };
  remove = (id: string): void => {
    const piece = this.#pieces.get(id);
    if (!piece) return;
    this.change([{ kind: "remove_segment", segment: id, before: piece.text }]);
    tell(t("transcript.line_removed"), this.undo);
  };

  undo = (): void => this.#step(this.#done, this.#undone);
  redo = (): void => this.#step(this.#undone, this.#done);
  #step(from: Step[], to: Step[]): void {
    const step = from.pop();
    if (!step || !this.#outbox) return;
    const changes: Change[] = [], back: Change[] = [];
    for (const each of step.back) {
      const change = fitting(this.#pieces, each);
      back.unshift(...inverse(this.#pieces, change));
      this.#play(change);
      changes.push(change);
    }
    to.push({ back, typed: null, at: 0 });
    this.#record(changes, changes.length > 1);
    const id = changes.flatMap(linesOf).find((line) => this.#pieces.has(line));
    if (id) this.touched = { id, caret: null };
  }

  // ---- saving

  saveNow = (): void => void this.#send();
  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#send(), ms);
  }

  async #send(): Promise<void> {
    const outbox = this.#outbox;
    if (!outbox || this.#sending || this.saving === "refused") return;
    this.#sending = true;
    clearTimeout(this.#timer);
    try {
      for (let batch = outbox.batches[0]; batch; batch = outbox.batches[0]) await this.#sendOne(outbox, batch);
      if (this.saving !== "clean") this.saving = "saved";
      this.#failures = 0;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#sending = false;
    }
  }

  async #sendOne(outbox: Outbox, batch: Batch): Promise<void> {
    const wasSealed = batch.sealed;
    outbox.seal(batch);
    let outcome = await this.#post(batch);
    if (outcome.again && !wasSealed) {
      // A twin of this tab has sent a part of it under the same id.
      outbox.rename(batch);
      outcome = await this.#post(batch);
    }
    outbox.done(batch);
    if (outcome.rejected?.length) this.#reject(outcome.rejected);
    if (batch.base === this.revision || outcome.reload) return this.#take(outcome);
    await this.#catchUp();
  }
  #post({ batch, base, changes, together }: Batch, keepalive = false): Promise<Outcome> {
    const body = { batch, base, changes, together };
    return ok(api.POST("/api/v1/recordings/{recording}/changes", { params: this.#path, body, keepalive }));
  }

  #failed(error: unknown): void {
    const status = error instanceof ApiError ? error.status : 0;
    const final = status >= 400 && status < 500 && ![401, 408, 429].includes(status);
    this.saving = final ? "refused" : "offline";
    this.refusal = final ? wordsOf(error) : "";
    if (final) return;
    this.#outbox?.touch();
    this.#later(RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]!);
  }
  /** Let go of what the server refuses, or try once more. */
  discard = async (): Promise<void> => {
    for (const batch of [...(this.#outbox?.batches ?? [])]) this.#outbox!.done(batch);
    this.saving = "clean";
    await this.open(this.#mayEdit, "");
  };
  tryAgain = (): void => {
    if (this.saving === "refused") this.saving = "saving";
    void this.#send();
  };

  #reject(drafts: Schemas["Draft"][]): void {
    const texts = drafts.filter((draft) => draft.change.kind === "set_text" && draft.yours != null && draft.theirs != null);
    this.drafts = [...this.drafts.filter((old) => !texts.some((draft) => linesOf(draft.change)[0] === linesOf(old.change)[0])), ...texts];
    const [other] = drafts.filter((draft) => !texts.includes(draft));
    if (other) complain(new Error(other.message));
  }
  settle = (draft: Schemas["Draft"], mine: boolean): void => {
    const piece = this.#pieces.get(linesOf(draft.change)[0] ?? "");
    this.drafts = this.drafts.filter((each) => each !== draft);
    if (mine && piece) this.change([{ kind: "set_text", segment: piece.id, before: piece.text, text: draft.yours ?? "" }]);
  };

  /** The page goes: what is not sent goes now, and stays in the browser until it is known to have arrived. */
  #leave(): void {
    const outbox = this.#outbox;
    if (!outbox || this.#sending || this.saving === "refused") return;
    const [first] = outbox.batches;
    if (!first) return;
    if (JSON.stringify(first).length > MOST_KEEPALIVE) return void this.#send();
    outbox.seal(first);
    this.#post(first, true).then(() => this.#send(), () => {});
  }
  #wouldLose(): boolean {
    const waits = this.#outbox?.batches.length ?? 0;
    return waits > 0 && ["offline", "refused"].includes(this.saving);
  }

  /** Nobody looks any more. What is not sent is still sent. */
  close = (): void => {
    for (const end of this.#endings) end();
    this.#endings = [];
    void this.#send();
  };
}

// One upload: where it stands, and how fast it goes.
import type * as tus from "tus-js-client";

/** `left`: begun before the page was loaded; its file has to be chosen again. `offline`: goes on by itself. */
export type State = "waiting" | "sending" | "offline" | "checking" | "paused" | "done" | "refused" | "left";

const SMOOTH = 0.15;
const SPEED_EVERY_MS = 250;

export class Upload {
  state = $state<State>("waiting");
  sent = $state(0);
  bytesPerS = $state(0);
  problem = $state("");
  recording = $state<string | null>(null);
  job = $state<string | null>(null);
  /** Its id on the server, once it has one. */
  id: string | null = null;
  file: File | null;
  sending: tus.Upload | null = null;
  #seen: { sent: number; at: number } | null = null;

  constructor(
    readonly name: string,
    readonly size: number,
    file: File | null,
    readonly metadata: Record<string, string>,
  ) {
    this.file = file;
  }

  get isMoving(): boolean {
    return ["waiting", "sending", "offline", "checking"].includes(this.state);
  }
  get hasEnded(): boolean {
    return this.state === "done" || this.state === "refused";
  }
  get share(): number {
    return this.size ? this.sent / this.size : 0;
  }
  get leftS(): number | null {
    return this.bytesPerS > 0 ? (this.size - this.sent) / this.bytesPerS : null;
  }
  isOf(file: File): boolean {
    return this.name === file.name && this.size === file.size;
  }

  /** What was measured before a pause says nothing of the speed now. */
  begins(): void {
    [this.#seen, this.bytesPerS, this.problem, this.state] = [null, 0, "", "sending"];
  }

  moved(sent: number): void {
    if (this.state === "paused") return;
    const at = performance.now();
    this.#seen ??= { sent, at };
    if (at - this.#seen.at >= SPEED_EVERY_MS) {
      const speed = (1000 * Math.max(0, sent - this.#seen.sent)) / (at - this.#seen.at);
      this.bytesPerS = this.bytesPerS ? (1 - SMOOTH) * this.bytesPerS + SMOOTH * speed : speed;
      this.#seen = { sent, at };
    }
    this.sent = sent;
    this.state = sent >= this.size ? "checking" : "sending";
  }
}

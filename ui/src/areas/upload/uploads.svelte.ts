// Uploads that live as long as the app does, whatever page is shown. They go on after a lost line by themselves, and
// after a reload when the same file is chosen again.
import * as tus from "tus-js-client";
import { api, ok, type Schemas } from "../../api/client";
import { t } from "../../messages";
import { keepWhile } from "../../router.svelte";
import { csrf, readSession } from "../../session.svelte";

export type Options = Schemas["TranscribeOptions"];
type State = "waiting" | "sending" | "offline" | "checking" | "paused" | "done" | "refused" | "left";

const ADDRESS = "/api/v1/uploads";
const AT_ONCE = 2;
const RETRY_MS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000, 60_000];

export class Upload {
  state = $state<State>("waiting");
  sent = $state(0);
  bytesPerS = $state(0);
  problem = $state("");
  recording = $state<string | null>(null);
  job = $state<string | null>(null);
  /** Of one that was begun before a reload: its place on the server. */
  server = $state<string | null>(null);
  sending: tus.Upload | null = null;
  #seen: [number, number] | null = null;

  constructor(
    readonly name: string,
    readonly size: number,
    readonly file: File | null,
    readonly metadata: Record<string, string>,
  ) {}

  get isMoving(): boolean {
    return ["waiting", "sending", "offline", "checking"].includes(this.state);
  }
  get leftS(): number | null {
    return this.bytesPerS > 0 ? (this.size - this.sent) / this.bytesPerS : null;
  }

  moved(sent: number): void {
    const now = performance.now();
    if (this.#seen && sent > this.#seen[0]) {
      const speed = (1000 * (sent - this.#seen[0])) / Math.max(1, now - this.#seen[1]);
      this.bytesPerS = this.bytesPerS ? 0.8 * this.bytesPerS + 0.2 * speed : speed;
    }
    this.#seen = [sent, now];
    this.sent = sent;
    this.state = sent >= this.size ? "checking" : "sending";
  }
}

class Uploads {
  all = $state<Upload[]>([]);
  #isKept = false;

  get moving(): number {
    return this.all.filter((one) => one.isMoving).length;
  }

  add(files: File[], metadata: Record<string, string>): void {
    if (!this.#isKept) keepWhile(() => this.all.some((one) => one.state === "sending" || one.state === "waiting"));
    this.#isKept = true;
    for (const file of files) {
      this.all = this.all.filter((one) => !(one.state === "left" && one.name === file.name && one.size === file.size));
      this.all.push(new Upload(file.name, file.size, file, metadata));
    }
    this.#turn();
  }

  pause(upload: Upload): void {
    void upload.sending?.abort();
    upload.state = "paused";
    this.#turn();
  }
  resume(upload: Upload): void {
    upload.state = "waiting";
    upload.problem = "";
    this.#turn();
  }
  /** What has come of it on the server goes as well. */
  async drop(upload: Upload): Promise<void> {
    this.all = this.all.filter((one) => one !== upload);
    const place = upload.sending?.url ?? upload.server;
    await upload.sending?.abort();
    if (place && upload.state !== "done") {
      const id = place.split("/").at(-1)!;
      await ok(api.DELETE("/api/v1/uploads/{upload}", { params: { path: { upload: id } }, keepalive: true }));
    }
    this.#turn();
  }
  dismissEnded(): void {
    this.all = this.all.filter((one) => !["done", "refused"].includes(one.state));
  }

  /** Those begun before the page was loaded: a browser can't open their files by itself. */
  async readLeft(): Promise<void> {
    const found = await ok(api.GET("/api/v1/uploads"));
    for (const one of found) {
      if (one.state !== "arriving" || this.all.some((known) => known.sending?.url?.endsWith(one.id))) continue;
      const left = new Upload(one.name, one.length, null, {});
      [left.state, left.sent, left.server] = ["left", one.offset, `${ADDRESS}/${one.id}`];
      this.all.push(left);
    }
  }

  #turn(): void {
    const going = this.all.filter((one) => ["sending", "offline", "checking"].includes(one.state)).length;
    for (const next of this.all.filter((one) => one.state === "waiting").slice(0, Math.max(0, AT_ONCE - going))) void this.#send(next);
  }

  async #send(upload: Upload): Promise<void> {
    upload.state = "sending";
    upload.sending ??= this.#made(upload);
    const before = await upload.sending.findPreviousUploads();
    if (before[0]) upload.sending.resumeFromPreviousUpload(before[0]);
    upload.sending.start();
  }

  #made(upload: Upload): tus.Upload {
    return new tus.Upload(upload.file!, {
      endpoint: ADDRESS,
      metadata: { ...upload.metadata, filename: upload.name },
      retryDelays: RETRY_MS,
      removeFingerprintOnSuccess: true,
      onBeforeRequest: async (request) => request.setHeader("X-Brickyard-CSRF", (await csrf()) ?? ""),
      onAfterResponse: (_, response) => {
        upload.recording = response.getHeader("Brickyard-Recording") ?? upload.recording;
        upload.job = response.getHeader("Brickyard-Job") ?? upload.job;
      },
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        if (status === 401 || status === 403) void readSession();
        const goesOn = status === 0 || status === 409 || status === 423 || status === 429 || status >= 500;
        if (goesOn) upload.state = "offline";
        return goesOn && status !== 507;
      },
      onProgress: (sent) => upload.moved(sent),
      onSuccess: () => {
        upload.state = "done";
        this.#turn();
      },
      onError: (error) => {
        upload.state = "refused";
        upload.problem = wordsOf(error);
        this.#turn();
      },
    });
  }
}

function wordsOf(error: Error): string {
  const body = "originalResponse" in error ? (error as tus.DetailedError).originalResponse?.getBody() : undefined;
  try {
    return (JSON.parse(body ?? "") as { error: { message: string } }).error.message;
  } catch {
    return t("upload.broke_off");
  }
}

export const uploads = new Uploads();

/** As fields of an upload: texts, lists with commas. */
export function metadataOf(options: Options, team: string | null): Record<string, string> {
  const values: [string, unknown][] = [...Object.entries(options), ["team", team]];
  const kept = values.filter(([, value]) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length));
  return Object.fromEntries(kept.map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : String(value)]));
}

// Uploads that live as long as the app does, whatever page is shown. They go on after a lost line by themselves, and
// after a reload when the same file is chosen again.
import { api, ok, type Schemas } from "../../api/client";
import { t } from "../../messages";
import { later } from "../../parts/toasts.svelte";
import { keepWhile } from "../../router.svelte";
import { heldElsewhere, isUnchanged, sendingOf } from "./sending";
import { Upload } from "./upload.svelte";

const AT_ONCE = 2;
const TRY_AGAIN_MS = 15_000;

class Uploads {
  all = $state.raw<Upload[]>([]);

  constructor() {
    keepWhile(() => this.all.some((one) => one.state === "sending" || one.state === "waiting" || one.state === "offline"));
    addEventListener("online", () => this.all.filter((one) => one.state === "offline").forEach((one) => this.#send(one)));
  }

  get moving(): number {
    return this.all.filter((one) => one.isMoving).length;
  }
  get share(): number {
    const going = this.all.filter((one) => one.isMoving);
    return going.reduce((sum, one) => sum + one.sent, 0) / Math.max(1, going.reduce((sum, one) => sum + one.size, 0));
  }
  isSending(file: File): boolean {
    return this.all.some((one) => !one.hasEnded && one.state !== "left" && one.isOf(file));
  }

  add(files: File[], metadataOf: (file: File) => Record<string, string>): void {
    this.all = [...this.all, ...files.map((file) => new Upload(file.name, file.size, file, metadataOf(file)))];
    this.#turn();
  }

  pause(upload: Upload): void {
    upload.state = "paused";
    void upload.sending?.abort();
    this.#turn();
  }
  resume(upload: Upload): void {
    upload.state = "waiting";
    upload.problem = "";
    this.#turn();
  }

  /** Of one that was begun before a reload; false where it is another file, or was changed meanwhile. */
  async goOn(left: Upload, file: File): Promise<boolean> {
    if (!left.isOf(file) || !(await isUnchanged(left.id!, file))) return false;
    left.file = file;
    this.resume(left);
    return true;
  }
  leftOf(file: File): Upload | undefined {
    return this.all.find((one) => one.state === "left" && one.isOf(file));
  }

  /** Shown as gone at once; what has come of it on the server goes when nobody took that back. */
  drop(upload: Upload): void {
    const before = upload.state, at = this.all.indexOf(upload);
    this.pause(upload);
    this.all = this.all.filter((one) => one !== upload);
    const back = () => {
      this.all = this.all.toSpliced(at, 0, upload);
      upload.state = before === "left" || before === "refused" ? before : "paused";
      if (before !== upload.state && before !== "paused") this.resume(upload);
    };
    if (before === "refused") return;
    later(t("upload.dropped", { name: upload.name }), () => this.#forget(upload), back);
  }
  dismissEnded(): void {
    this.all = this.all.filter((one) => !one.hasEnded);
  }

  /** Those begun before the page was loaded: a browser can't open their files by itself. */
  async readLeft(): Promise<void> {
    const [found, held] = await Promise.all([ok(api.GET("/api/v1/uploads")), heldElsewhere()]);
    const fresh = found.filter((one) => (one.state === "arriving" || one.state === "checking") && !held.has(one.id) && !this.all.some((known) => known.id === one.id));
    const left = fresh.map((one) => {
      const upload = new Upload(one.name, one.length, null, {});
      [upload.id, upload.sent, upload.state] = [one.id, one.offset, one.state === "checking" ? "checking" : "left"];
      return upload;
    });
    this.all = [...left, ...this.all];
  }

  /** Those whose last answer was lost: what became of them. */
  async readChecked(): Promise<void> {
    const asked = this.all.filter((one) => one.state === "checking" && one.id && !one.sending);
    await Promise.all(asked.map(async (one) => this.#told(one, await ok(api.GET("/api/v1/uploads/{upload}", { params: { path: { upload: one.id! } } })))));
  }
  get isChecking(): boolean {
    return this.all.some((one) => one.state === "checking" && one.id && !one.sending);
  }

  #told(upload: Upload, now: Schemas["UploadView"]): void {
    if (now.state === "arriving") upload.state = upload.file ? "waiting" : "left";
    else if (now.state !== "checking") {
      [upload.recording, upload.job, upload.problem] = [now.recording ?? null, now.job ?? null, now.error?.message ?? ""];
      upload.state = now.state;
    }
    this.#turn();
  }
  async #forget(upload: Upload): Promise<void> {
    if (upload.id) await ok(api.DELETE("/api/v1/uploads/{upload}", { params: { path: { upload: upload.id } }, keepalive: true }));
  }

  #turn(): void {
    const going = this.all.filter((one) => ["sending", "offline", "checking"].includes(one.state)).length;
    for (const next of this.all.filter((one) => one.state === "waiting").slice(0, Math.max(0, AT_ONCE - going))) this.#send(next);
  }

  #send(upload: Upload): void {
    upload.begins();
    upload.sending ??= sendingOf(upload, (how, words) => this.#ended(upload, how, words));
    upload.sending.start();
  }
  #ended(upload: Upload, how: "done" | "offline" | "refused", words = ""): void {
    if (how === "offline") {
      upload.state = "offline";
      setTimeout(() => upload.state === "offline" && this.#send(upload), TRY_AGAIN_MS);
      return;
    }
    upload.problem = words;
    upload.state = how === "done" && !upload.recording ? "checking" : how;
    if (upload.state === "checking") upload.sending = null;
    this.#turn();
  }
}

export const uploads = new Uploads();

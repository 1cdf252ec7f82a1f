// The recordings that are to be added: they stay while one looks at another page.
import { lasting, size } from "../../format";
import { t } from "../../messages";
import { tell } from "../../parts/toasts.svelte";
import { keepWhile } from "../../router.svelte";
import { durationOf, isMedia } from "./kinds";
import { uploads } from "./uploads.svelte";

export interface Chosen {
  file: File;
  /** Made here just now, so that it can be listened to, and is nowhere else. */
  isOwn: boolean;
  seconds: number | null;
}
interface Limits {
  max_upload_bytes: number;
  max_duration_s: number;
}

class ChosenFiles {
  all = $state.raw<Chosen[]>([]);
  refused = $state.raw<string[]>([]);
  /** Dropped before the limits were known. */
  #early: File[] = [];
  #limits: Limits | null = null;

  constructor() {
    keepWhile(() => this.all.some((one) => one.isOwn));
  }

  know(limits: Limits): void {
    this.#limits = limits;
    const early = this.#early;
    this.#early = [];
    if (early.length) this.take(early);
  }

  /** `fromFolder`: what is no recording is left out, and only counted. */
  take(files: File[], { fromFolder = false, isOwn = false } = {}): void {
    const limits = this.#limits;
    if (!limits) {
      this.#early.push(...files);
      return;
    }
    const media = fromFolder ? files.filter(isMedia) : files;
    this.refused = media.length < files.length ? [t("upload.others_left_out", { n: files.length - media.length })] : [];
    for (const file of media) void this.#takeOne(file, limits, isOwn);
  }
  without(gone: Chosen): void {
    this.all = this.all.filter((one) => one !== gone);
  }
  clear(): void {
    [this.all, this.refused] = [[], []];
  }

  async #takeOne(file: File, limits: Limits, isOwn: boolean): Promise<void> {
    const left = uploads.leftOf(file);
    if (left && (await uploads.goOn(left, file))) {
      tell(t("upload.goes_on", { name: file.name }));
      return;
    }
    const why = this.#whyNot(file, limits);
    if (why) {
      this.refused = [...this.refused, why];
      return;
    }
    const one: Chosen = { file, isOwn, seconds: null };
    this.all = [...this.all, one];
    const seconds = await durationOf(file);
    if (seconds === null || !this.all.includes(one)) return;
    if (seconds <= limits.max_duration_s) this.all = this.all.map((each) => (each === one ? { ...one, seconds } : each));
    else {
      this.without(one);
      this.refused = [...this.refused, t("upload.too_long", { name: file.name, time: lasting(seconds), most: lasting(limits.max_duration_s) })];
    }
  }
  #whyNot(file: File, limits: Limits): string {
    const { name } = file;
    if (this.all.some((one) => one.file.name === name && one.file.size === file.size)) return t("upload.twice", { name });
    if (uploads.isSending(file)) return t("upload.is_sent", { name });
    if (!isMedia(file)) return t("upload.no_media", { name });
    if (!file.size) return t("upload.is_empty", { name });
    if (file.size > limits.max_upload_bytes) return t("upload.too_large", { name, size: size(file.size), most: size(limits.max_upload_bytes) });
    return "";
  }
}

export const chosen = new ChosenFiles();

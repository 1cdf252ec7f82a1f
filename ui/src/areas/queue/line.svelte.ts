// The page of the queue: one's own jobs in their order, what ended lately, and how the whole line stands.
import { api, ok, type Schemas } from "../../api/client";
import type { Job } from "../../jobs";
import { t } from "../../messages";
import { mine } from "./mine.svelte";
import { names } from "./names.svelte";
import { byPlace, moved } from "./order";
import { whyBusy } from "./why";

const LATELY = 20;
const ENDED = ["succeeded", "failed", "cancelled"] as const;

export class Line {
  lately = $state.raw<Job[]>([]);
  whole = $state.raw<Schemas["LineView"] | null>(null);
  isRead = $state(false);
  /** As just ordered by hand, until the server has said the same. */
  #ordered = $state.raw<Job[] | null>(null);
  #ended = -1;

  get running(): Job[] {
    return mine.alive.filter((job) => job.state === "running");
  }
  get waiting(): Job[] {
    return this.#ordered ?? mine.alive.filter((job) => job.state === "waiting").sort(byPlace);
  }
  get paused(): Job[] {
    return mine.alive.filter((job) => job.state === "paused");
  }
  get busy(): string {
    return this.whole ? whyBusy(this.whole) : "";
  }

  async read(): Promise<void> {
    const [whole] = await Promise.all([ok(api.GET("/api/v1/queue")), mine.read()]);
    this.whole = whole;
    if (this.#ended !== mine.ended.size) await this.readLately();
    this.isRead = true;
  }
  async readLately(): Promise<void> {
    const seen = mine.ended.size;
    const found = await ok(api.GET("/api/v1/jobs", { params: { query: { state: [...ENDED], limit: LATELY } } }));
    await names.learn(found.map((job) => job.recording));
    [this.lately, this.#ended] = [found, seen];
  }

  nameOf(job: Job): string {
    return names.of(job.recording) || t("queue.nameless");
  }

  async move(job: Job, to: number): Promise<void> {
    const { jobs, before } = moved(this.waiting, job, to);
    this.#ordered = jobs;
    try {
      await ok(api.PUT("/api/v1/jobs/{job}/place", { params: { path: { job: job.id } }, body: { before: before?.id ?? null } }));
      await mine.read();
    } finally {
      if (this.#ordered === jobs) this.#ordered = null;
    }
  }
}

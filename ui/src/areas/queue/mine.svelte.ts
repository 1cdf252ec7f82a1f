// One's own jobs, wherever they are shown: the queue, the tray of uploads, notifications.
import { api, ok } from "../../api/client";
import { isAlive, type Job } from "../../jobs";
import { announce } from "./notices.svelte";
import { names } from "./names.svelte";

const ALIVE = ["waiting", "running", "paused"] as const;
const MOST = 200;

class Mine {
  alive = $state.raw<Job[]>([]);
  /** Those that ended while somebody looked. */
  ended = $state.raw<ReadonlyMap<string, Job>>(new Map());
  isRead = $state(false);

  /** `also`: jobs that may have ended before they were seen alive. */
  async read(also: string[] = []): Promise<void> {
    const before = this.alive;
    const found = await ok(api.GET("/api/v1/jobs", { params: { query: { state: [...ALIVE], limit: MOST } } }));
    const here = new Set(found.map((job) => job.id));
    const gone = before.filter((job) => !here.has(job.id)).map((job) => job.id);
    const unknown = also.filter((id) => !here.has(id) && !this.ended.has(id));
    this.alive = found;
    this.isRead = true;
    await names.learn(found.map((job) => job.recording));
    for (const id of new Set([...gone, ...unknown])) await this.#end(id);
  }
  of(id: string): Job | undefined {
    return this.alive.find((job) => job.id === id) ?? this.ended.get(id);
  }

  async #end(id: string): Promise<void> {
    const job = await ok(api.GET("/api/v1/jobs/{job}", { params: { path: { job: id } } }));
    if (isAlive(job)) return;
    this.ended = new Map([...this.ended, [id, job]]);
    announce(job);
  }
}

export const mine = new Mine();

// One's own jobs, named by their recordings, and how the whole line stands.
import { api, ok, type Schemas } from "../../api/client";
import { isAlive, type Job } from "../../jobs";
import { t } from "../../messages";

type Preferences = Schemas["Preferences"];

export class Line {
  jobs = $state.raw<Job[]>([]);
  names = $state.raw<Map<string, string>>(new Map());
  queues = $state.raw<Schemas["QueueView"][]>([]);
  workers = $state<number | null>(null);
  preferences = $state.raw<Preferences | null>(null);
  isRead = $state(false);

  get isBusy(): boolean {
    return this.jobs.some(isAlive);
  }
  /** How many of everybody's wait. */
  get waiting(): number {
    return this.queues.reduce((sum, queue) => sum + (queue.jobs.waiting ?? 0), 0);
  }
  get isClosed(): boolean {
    return this.queues.some((queue) => queue.name === "default" && queue.paused);
  }

  async read(): Promise<void> {
    const before = new Map(this.jobs.map((job) => [job.id, job]));
    const [jobs, queues, workers] = await Promise.all([
      ok(api.GET("/api/v1/jobs", { params: { query: { limit: 100 } } })),
      ok(api.GET("/api/v1/queues")),
      ok(api.GET("/api/v1/workers")),
    ]);
    [this.jobs, this.queues, this.workers, this.isRead] = [jobs, queues, workers.length, true];
    await this.#readNames();
    for (const job of jobs) {
      const was = before.get(job.id);
      if (was && isAlive(was) && !isAlive(job)) this.#announce(job);
    }
  }

  async #readNames(): Promise<void> {
    const unknown = this.jobs.some((job) => job.recording && !this.names.has(job.recording));
    if (!unknown) return;
    const page = await ok(api.GET("/api/v1/library", { params: { query: { limit: 200 } } }));
    this.names = new Map([...this.names, ...page.items.map((one) => [one.id, one.name] as const)]);
    for (const { recording } of this.jobs) if (recording && !this.names.has(recording)) this.names.set(recording, "");
  }

  nameOf(job: Job): string {
    return (job.recording && this.names.get(job.recording)) || t("queue.title");
  }

  async readPreferences(): Promise<void> {
    this.preferences = (await ok(api.GET("/api/v1/me/preferences"))) as Preferences;
  }

  /** Asks the browser first; false where it refuses. */
  async notify(on: boolean): Promise<boolean> {
    if (on && (!("Notification" in window) || (await Notification.requestPermission()) !== "granted")) return false;
    if (!this.preferences) return false;
    this.preferences = { ...this.preferences, notify: on };
    await ok(api.PUT("/api/v1/me/preferences", { body: this.preferences }));
    return true;
  }

  #announce(job: Job): void {
    if (!this.preferences?.notify || !("Notification" in window) || Notification.permission !== "granted") return;
    if (job.state !== "succeeded" && job.state !== "failed") return;
    const text = t(job.state === "succeeded" ? "queue.is_done" : "queue.has_failed", { name: this.nameOf(job) });
    const note = new Notification("Echo", { body: text, tag: job.id, icon: "/assets/icon.svg" });
    note.onclick = () => {
      window.focus();
      if (job.recording) location.assign(`/recordings/${job.recording}`);
    };
  }
}

// What the library shows: a list by filters that stand in the address, further pages, and how each stands in the queue.
import { api, ok, wordsOf, type Schemas } from "../../api/client";
import { isAlive, type Job } from "../../jobs";

export type Entry = Schemas["Entry"];
export type Folder = Schemas["Folder"];

const PAGE = 50;

export class Shelf {
  entries = $state.raw<Entry[]>([]);
  jobs = $state.raw<Map<string, Job>>(new Map());
  folders = $state.raw<Folder[]>([]);
  tags = $state.raw<Schemas["TagCount"][]>([]);
  isRead = $state(false);
  problem = $state("");
  next = $state<string | null>(null);
  #query: Record<string, unknown> = {};
  #asked = 0;

  /** The first page by these filters; a later call makes an earlier one void. */
  async read(filters: URLSearchParams, me: string): Promise<void> {
    const asked = ++this.#asked;
    this.#query = wanted(filters, me);
    try {
      const page = await this.#page(Math.min(200, Math.max(PAGE, this.entries.length)));
      if (asked !== this.#asked) return;
      [this.entries, this.next, this.problem] = [page.items, page.next, ""];
    } catch (error) {
      if (asked === this.#asked) this.problem = wordsOf(error);
    }
    this.isRead = true;
    await this.readJobs();
  }

  async more(): Promise<void> {
    if (!this.next) return;
    const page = await this.#page(PAGE, this.next);
    [this.entries, this.next] = [[...this.entries, ...page.items], page.next];
  }

  #page(limit: number, after?: string) {
    return ok(api.GET("/api/v1/library", { params: { query: { ...this.#query, limit, ...(after && { after }) } } }));
  }

  /** Those of mine in the queue; of others only the state is known. */
  async readJobs(): Promise<void> {
    if (!this.entries.some((entry) => entry.state && isAlive({ state: entry.state }))) return;
    const jobs = await ok(api.GET("/api/v1/jobs", { params: { query: { state: ["waiting", "running", "paused"], limit: 500 } } }));
    this.jobs = new Map(jobs.map((job) => [job.id, job]));
  }

  async readFolders(): Promise<void> {
    [this.folders, this.tags] = await Promise.all([ok(api.GET("/api/v1/folders")), ok(api.GET("/api/v1/tags"))]);
  }

  hide(ids: string[]): Entry[] {
    const before = this.entries;
    this.entries = before.filter((entry) => !ids.includes(entry.id));
    return before;
  }

  change(id: string, change: Partial<Entry>): void {
    this.entries = this.entries.map((entry) => (entry.id === id ? { ...entry, ...change } : entry));
  }
}

function wanted(filters: URLSearchParams, me: string): Record<string, unknown> {
  const whose = filters.get("whose");
  return {
    text: filters.get("q") || undefined,
    owner: whose === "mine" ? me : undefined,
    team: filters.get("team") || undefined,
    folder: filters.get("folder") || undefined,
    tag: filters.getAll("tag"),
    state: filters.get("state") === "going" ? ["waiting", "running", "paused"] : filters.get("state") === "failed" ? ["failed"] : [],
    sort: filters.get("sort") || "newest",
  };
}

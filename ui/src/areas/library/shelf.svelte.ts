// What the library shows: a list by filters that stand in the address, further pages, and how each stands in the queue.
import { SvelteSet } from "svelte/reactivity";
import { api, ok, wordsOf, type Schemas } from "../../api/client";
import { isAlive, type Job } from "../../jobs";
import { asked, fits, type Asked } from "./asked";

export type Entry = Schemas["Entry"];
export type Folder = Schemas["Folder"];

const PAGE = 50;
const MOST = 200;
const ALIVE = ["waiting", "running", "paused"] as const;
/** Jobs of others are asked for one by one; no more than these in one turn. */
const ONE_BY_ONE = 8;

/** Deleted, or about to be: they stay away whatever a list that is read meanwhile says. */
export const gone = new SvelteSet<string>();

const alive = (entry: Entry) => entry.state !== null && entry.state !== undefined && isAlive({ state: entry.state });

export class Shelf {
  #all = $state.raw<Entry[]>([]);
  jobs = $state.raw<Map<string, Job>>(new Map());
  #folders = $state.raw<Folder[]>([]);
  tags = $state.raw<Schemas["TagCount"][]>([]);
  isRead = $state(false);
  isGrowing = $state(false);
  problem = $state("");
  next = $state<string | null>(null);
  /** Of all that was read, whatever the filter says now. */
  readonly languages = new SvelteSet<string>();
  readonly entries = $derived(this.#all.filter((entry) => !gone.has(entry.id)));
  readonly folders = $derived(standing(this.#folders));
  #asked: Asked = asked(new URLSearchParams());
  #turn = 0;
  #polled = 0;

  /** The first page by these filters; a later call makes an earlier one void. */
  async read(filters: URLSearchParams, count = PAGE): Promise<void> {
    this.#asked = asked(filters);
    await this.refresh(count);
  }

  /** As much as is shown, anew. */
  async refresh(count = this.#all.length): Promise<void> {
    const turn = ++this.#turn;
    const limit = Math.min(MOST, Math.max(PAGE, count));
    try {
      const page = await this.#page(limit);
      if (turn !== this.#turn) return;
      const fresh = new Set(page.items.map((entry) => entry.id));
      const below = page.next && count > limit ? this.#all.slice(limit).filter((entry) => !fresh.has(entry.id)) : [];
      if (!below.length) this.next = page.next;
      [this.#all, this.problem, this.isRead] = [[...page.items, ...below], "", true];
      await this.readJobs();
    } catch (error) {
      // What was read stays: a line that was lost for a moment is no reason to show nothing.
      if (turn === this.#turn && !this.isRead) this.problem = wordsOf(error);
    }
  }

  async more(): Promise<void> {
    if (!this.next || this.isGrowing) return;
    const turn = ++this.#turn;
    this.isGrowing = true;
    try {
      const page = await this.#page(PAGE, this.next);
      if (turn === this.#turn) [this.#all, this.next] = [[...this.#all, ...page.items], page.next];
    } finally {
      this.isGrowing = false;
    }
  }

  /** To be called every few seconds: jobs while some are not done, the whole list now and then. */
  async poll(): Promise<void> {
    if (!this.isRead || this.isGrowing) return;
    if (++this.#polled % 5 === 0) return this.refresh();
    if (!this.#all.some(alive)) return;
    await this.readJobs();
    const isDone = (entry: Entry) => alive(entry) && this.jobs.has(entry.latest_job!) && !isAlive(this.jobs.get(entry.latest_job!)!);
    if (this.#all.some(isDone)) await this.refresh();
  }

  async #page(limit: number, after: string | null = null): Promise<Schemas["Page"]> {
    const query = { ...this.#asked.query, limit, ...(after && { after }) };
    const page = await ok(api.GET("/api/v1/library", { params: { query } }));
    for (const { language } of page.items) if (language) this.languages.add(language);
    return page;
  }

  /** How those in the queue stand, and why others failed. */
  async readJobs(): Promise<void> {
    const ids = this.#all.filter((entry) => alive(entry) || (entry.state === "failed" && !this.jobs.has(entry.latest_job!))).map((entry) => entry.latest_job!);
    if (!ids.length) return;
    const mine = await ok(api.GET("/api/v1/jobs", { params: { query: { state: [...ALIVE, "failed"], limit: MOST } } }));
    const known = new Map([...this.jobs, ...mine.map((job) => [job.id, job] as const)]);
    const now = new Set(mine.map((job) => job.id));
    const others = ids.filter((id) => !now.has(id)).slice(0, ONE_BY_ONE);
    const found = await Promise.all(others.map((job) => ok(api.GET("/api/v1/jobs/{job}", { params: { path: { job } } })).catch(() => null)));
    for (const job of found) if (job) known.set(job.id, job);
    this.jobs = known;
  }

  async readFolders(): Promise<void> {
    [this.#folders, this.tags] = await Promise.all([ok(api.GET("/api/v1/folders")), ok(api.GET("/api/v1/tags"))]);
  }

  /** Shown so at once; the server is told by whoever calls. */
  change(ids: string[], change: Partial<Entry>): void {
    this.#turn++;
    this.#all = this.#all.map((entry) => (ids.includes(entry.id) ? { ...entry, ...change } : entry)).filter((entry) => fits(entry, this.#asked));
  }
  changeFolder(id: string, change: Partial<Folder>): void {
    this.#folders = this.#folders.map((one) => (one.id === id ? { ...one, ...change } : one));
  }
}

/** Without those deleted; what lay in them lies in the folder around, as the server will have it. */
function standing(folders: Folder[]): Folder[] {
  const parents = new Map(folders.map((one) => [one.id, one.parent]));
  const up = (id: string | null): string | null => (id !== null && gone.has(id) ? up(parents.get(id) ?? null) : id);
  return folders.filter((one) => !gone.has(one.id)).map((one) => ({ ...one, parent: up(one.parent) }));
}

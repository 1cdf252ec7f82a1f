// The order of one's own jobs: each changes places only with those of its class and queue.
import type { Job } from "../../jobs";

type Placed = Pick<Job, "id" | "state" | "priority" | "queue" | "position" | "created_at">;

export const byPlace = (a: Placed, b: Placed): number =>
  (a.position ?? Infinity) - (b.position ?? Infinity) || a.created_at.localeCompare(b.created_at) || 0;

/** Those that it can change places with, itself among them, in their order. While nobody knows a place, there is none. */
export const besides = <J extends Placed>(jobs: J[], job: Placed): J[] =>
  jobs.filter((one) => one.state === "waiting" && one.position !== null && one.priority === job.priority && one.queue === job.queue);

/** All in their order, with one of them moved to place `to` among its own; and the one that it then goes before. */
export function moved<J extends Placed>(jobs: J[], job: J, to: number): { jobs: J[]; before: J | null } {
  const own = besides(jobs, job);
  const others = own.filter((one) => one.id !== job.id);
  const at = Math.max(0, Math.min(others.length, to));
  const fresh = others.toSpliced(at, 0, job);
  // Their places in the whole line stay what they are; who stands at each changes.
  const placed = own.map((one, index) => ({ ...fresh[index]!, position: one.position }));
  let next = 0;
  return { jobs: jobs.map((one) => (own.some((each) => each.id === one.id) ? placed[next++]! : one)), before: others[at] ?? null };
}

// Whether the platform is well, and what troubles it, in words.
import type { Schemas } from "../../../api/client";
import { lasting, percent, size } from "../../../format";
import { t } from "../../../messages";
import { named } from "../words";

type Overview = Schemas["Overview"];
export type Trouble = { grave: boolean; text: string; href?: string };

const SILENT_S = 30, LITTLE_DISK = 0.1, HARDLY_ANY = 0.03;

export function troubles(now: Overview): Trouble[] {
  const found: Trouble[] = now.bricks
    .filter((brick) => !brick.is_up)
    .map((brick) => ({ grave: true, text: t("admin.is_down", { name: named("brick", brick.name), reason: brick.reason ?? "" }), href: "/admin/models" }));
  if (!now.card) found.push({ grave: true, text: t("admin.no_card", { reason: now.reasons.card ?? "" }) });
  if (!now.workers.length) found.push({ grave: true, text: t("admin.no_worker"), href: "/admin/queues" });
  for (const worker of now.workers) {
    if (worker.silent_s > SILENT_S) found.push({ grave: false, text: t("admin.silent_worker", { host: worker.host, time: lasting(worker.silent_s) }), href: "/admin/queues" });
  }
  if (now.queue.paused_queues.length) found.push({ grave: false, text: t("admin.queue_is_paused"), href: "/admin/queues" });
  const { disk_free_bytes: free, disk_total_bytes: total } = now.storage;
  if (total && free / total < LITTLE_DISK) {
    found.push({ grave: free / total < HARDLY_ANY, text: t("admin.little_disk", { free: size(free), share: percent(free / total) }), href: "/admin/storage" });
  }
  return found;
}

/** "2 jobs run, 5 wait, the longest for 3 minutes." */
export function standingOfQueue({ queue }: Pick<Overview, "queue">): string {
  const running = queue.states.running ?? 0, waiting = queue.states.waiting ?? 0;
  if (!running && !waiting) return t("admin.nothing_waits");
  const longest = Math.max(0, ...queue.classes.map((one) => one.oldest_wait_s ?? 0));
  const parts = [running ? t("admin.run", { n: running }) : t("admin.none_runs"), waiting ? t("admin.wait", { n: waiting }) : t("admin.none_waits")];
  if (waiting && longest) parts.push(t("admin.longest", { time: lasting(longest) }));
  return `${parts.join(", ")}.`;
}

// Why something waits, in words.
import type { Schemas } from "../../api/client";
import { lasting, moment, size } from "../../format";
import type { Job } from "../../jobs";
import { t } from "../../messages";

export function whyWaits(job: Job): string {
  const waits = job.waits_for;
  if (!waits) return job.error && job.state === "waiting" ? t("queue.why_retry", { reason: job.error.message }) : "";
  switch (waits.code) {
    case "paused": return t("queue.why_paused_by_you");
    case "queue_paused": return t("queue.why_paused");
    case "no_worker": return t("queue.why_no_worker");
    case "retry_at": return [t("queue.why_retry", { reason: job.error?.message ?? "" }), waits.in_s ? t("queue.why_again_in", { time: lasting(waits.in_s) }) : ""].join(" ").trim();
    case "not_before": return t("queue.why_not_before", { time: lasting(waits.in_s ?? 0) });
    case "limit_of_yours": return t("queue.why_limit_of_yours", { n: waits.limit ?? 1 });
    case "queue_full": return t("queue.why_queue_full", { n: waits.limit ?? 1 });
    case "rate": return t("queue.why_rate", { time: lasting(waits.again_in_s ?? 1) });
    case "behind": return waits.ahead ? t("queue.why_ahead", { n: waits.ahead }) : waits.ahead === 0 ? t("queue.why_next") : "";
  }
}

type LineView = Schemas["LineView"];

/** What who adds something now should know; empty where it starts at once. */
export function whyBusy(line: LineView): string {
  const reason = line.reason;
  if (!line.busy || !reason) return "";
  const usual = line.classes.find((one) => one.class === "standard")?.expected_wait_s ?? null;
  const then = usual ? t("queue.busy_then", { time: lasting(usual) }) : "";
  return [busyWith(reason, line), then].filter(Boolean).join(" ");
}

function busyWith(reason: NonNullable<LineView["reason"]>, line: LineView): string {
  switch (reason.code) {
    case "no_worker": return t("queue.nobody_works");
    case "queue_paused": return t("queue.is_closed");
    case "notebook_holds_card": return reason.until ? t("queue.busy_notebook_until", { size: size(reason.bytes ?? 0), when: moment(reason.until) }) : t("queue.busy_notebook", { size: size(reason.bytes ?? 0) });
    case "llm": return t("queue.busy_llm");
    case "memory": return t("queue.busy_memory");
    case "jobs": return t("queue.busy_jobs", { n: line.waiting });
  }
}

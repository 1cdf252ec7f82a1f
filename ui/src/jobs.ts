// How a recording stands in the queue, in words.
import type { Schemas } from "./api/client";
import { lasting, number, percent } from "./format";
import { language, t, type Key } from "./messages";

export type Job = Schemas["JobView"];

export const isAlive = (job: Pick<Job, "state">): boolean => ["waiting", "running", "paused"].includes(job.state);

const ordinals = { get: (n: number) => new Intl.PluralRules(language, { type: "ordinal" }).select(n) };

/** "3rd", "1er": what the language makes of a place. */
export function place(n: number): string {
  const form = ordinals.get(n);
  return t(`queue.ordinal_${["one", "two", "few"].includes(form) ? form : "other"}` as Key, { n: number(n) });
}

const STEPS = ["decode", "speech", "asr", "coverage", "diarize", "speakers", "transcript", "frames", "ocr", "screen", "translate", "summarize", "reading", "redo", "index"];

/** What is being done now: the first step that has not ended. */
export function stepOf(job: Job): string {
  const now = job.steps.find((step) => !step.ended);
  return now && STEPS.includes(now.name) ? t(`queue.step_${now.name}` as Key) : t("queue.step_other");
}

/** "3rd in line, starts in about 4 minutes". */
export function standing(job: Job): string {
  if (job.wanted === "cancel") return t("queue.is_stopping");
  if (job.wanted === "pause") return t("queue.is_pausing");
  if (job.state === "running") return [stepOf(job), percent(job.progress), job.eta_s ? t("queue.left", { time: lasting(job.eta_s) }) : ""].filter(Boolean).join(" · ");
  if (job.state === "paused") return t("queue.is_paused");
  if (job.state !== "waiting") return t(`queue.state_${job.state}` as Key);
  if (!job.position && job.waits_for?.code === "queue_paused") return t("queue.held");
  if (!job.position) return job.error ? t("queue.tries_again") : t("queue.in_line");
  const where = job.position === 1 ? t("queue.next") : t("queue.place", { place: place(job.position) });
  return job.starts_in_s === null ? where : t("queue.starts", { where, time: lasting(job.starts_in_s) });
}

// Limits as people write them: sizes in gigabytes, times in hours. Pure.
import type { Schemas } from "../../../api/client";

export type Limit = Schemas["LimitView"];
export type Unit = "gigabytes" | "hours" | "jobs" | "minutes";

const WRITTEN: Record<string, { unit: Unit; one: number }> = {
  bytes: { unit: "gigabytes", one: 1e9 },
  seconds: { unit: "hours", one: 3600 },
  jobs: { unit: "jobs", one: 1 },
  minutes: { unit: "minutes", one: 1 },
};
const of = (limit: Pick<Limit, "unit">) => WRITTEN[limit.unit] ?? { unit: "jobs" as Unit, one: 1 };

export const unitOf = (limit: Pick<Limit, "unit">): Unit => of(limit).unit;

/** 50000000000 bytes → 50. At most three digits after the point: more is of no use in a form. */
export const written = (limit: Pick<Limit, "unit">, value: number | null): number | null =>
  value === null ? null : Number((value / of(limit).one).toFixed(3));

/** 50 GB → 50000000000; sizes and jobs are whole. Not above the ceiling through rounding. */
export function meant(limit: Pick<Limit, "unit" | "ceiling">, typed: number | null): number | null {
  if (typed === null) return null;
  const exact = typed * of(limit).one;
  const value = limit.unit === "bytes" ? Math.round(exact) : exact;
  return limit.ceiling !== null && typed === written(limit, limit.ceiling) ? limit.ceiling : value;
}

/** Whether somebody set it: else the settings of the server hold. */
export const isSet = (limit: Limit): boolean => limit.changed_at !== null;

/** What was changed in the form. */
export function changes(limits: Limit[], typed: Record<string, number | null>): Record<string, number | null> {
  const changed = limits.filter((limit) => (typed[limit.name] ?? null) !== (isSet(limit) ? written(limit, limit.value) : null));
  return Object.fromEntries(changed.map((limit) => [limit.name, meant(limit, typed[limit.name] ?? null)]));
}

// The report of deletions: which of them are shown, and as a table for a spreadsheet.
import type { Schemas } from "../../../api/client";
import { t } from "../../../messages";
import { named } from "../words";

export type Deletion = Schemas["Deletion"];
export interface Wanted { text: string; reason: string; from: string; to: string }

/** `names`: of people by id. Days are those of the reader's clock, both included. */
export function fitting(all: Deletion[], wanted: Wanted, names: (id: string) => string): Deletion[] {
  const from = wanted.from ? new Date(`${wanted.from}T00:00:00`).getTime() : -Infinity;
  const to = wanted.to ? new Date(`${wanted.to}T23:59:59.999`).getTime() : Infinity;
  const text = wanted.text.toLocaleLowerCase();
  return all.filter((one) => {
    const at = Date.parse(one.deleted_at);
    if (at < from || at > to || (wanted.reason && one.reason !== wanted.reason)) return false;
    return !text || `${names(one.owner)} ${names(one.deleted_by)} ${one.recording}`.toLocaleLowerCase().includes(text);
  });
}

export function table(all: Deletion[], names: (id: string) => string): (string | number | boolean | null)[][] {
  const head = [t("admin.deleted_at"), t("admin.whose"), t("admin.deleted_by"), t("admin.why"), t("admin.added"), t("admin.length_s"), t("admin.bytes"), t("admin.backups_until"), t("admin.key_gone"), t("admin.recording"), "SHA-256"];
  const rows = all.map((one) => [one.deleted_at, names(one.owner), names(one.deleted_by), named("reason", one.reason), one.created_at, Math.round(one.duration_s), one.size_bytes, one.backups_until, one.destroyed.key === true, one.recording, one.sha256]);
  return [head, ...rows];
}

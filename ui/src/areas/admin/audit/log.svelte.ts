// The audit log as it is read: page after page, from the newest line down. Reading it stands in it as well.
import { api, ok, wordsOf, type Schemas } from "../../../api/client";

export type AuditLine = Schemas["AuditLine"];
export interface Wanted { actor: string; action: string; object: string; outcome: string; from: string; to: string }
const PAGE = 100;

/** The days of the reader's clock as moments; `to` is included. */
function moments(wanted: Wanted): { from?: string; to?: string } {
  const after = wanted.to ? new Date(`${wanted.to}T00:00:00`) : null;
  after?.setDate(after.getDate() + 1);
  return { from: wanted.from ? new Date(`${wanted.from}T00:00:00`).toISOString() : undefined, to: after?.toISOString() };
}

export class AuditLog {
  lines = $state.raw<AuditLine[] | null>(null);
  problem = $state("");
  isAll = $state(false);
  isBusy = $state(false);
  #turn = 0;

  /** Begin anew with these filters. */
  async read(wanted: Wanted): Promise<void> {
    await this.#page(wanted, []);
  }
  /** The next older lines. */
  async more(wanted: Wanted): Promise<void> {
    if (!this.isBusy && !this.isAll && this.lines) await this.#page(wanted, this.lines);
  }

  async #page(wanted: Wanted, known: AuditLine[]): Promise<void> {
    const turn = ++this.#turn;
    this.isBusy = true;
    const { actor, action, object, outcome } = wanted;
    const query = { actor: actor || undefined, action: action || undefined, object: object || undefined, outcome: outcome || undefined, ...moments(wanted), before: known.at(-1)?.seq, limit: PAGE };
    try {
      const found = await ok(api.GET("/api/v1/audit", { params: { query } }));
      if (turn !== this.#turn) return;
      [this.lines, this.isAll, this.problem] = [[...known, ...found], found.length < PAGE, ""];
    } catch (error) {
      if (turn === this.#turn) this.problem = wordsOf(error);
    } finally {
      if (turn === this.#turn) this.isBusy = false;
    }
  }
}

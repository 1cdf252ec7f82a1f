// Something that is read from the server, with what went wrong the last time it was asked for.
import { wordsOf } from "../../api/client";

export class Reading<T> {
  value = $state.raw<T | null>(null);
  problem = $state("");
  #asked = 0;

  constructor(private readonly ask: () => Promise<T>) {}

  /** Never throws: what was read before stays, and `problem` says why there is nothing newer. */
  read = async (): Promise<void> => {
    const turn = ++this.#asked;
    try {
      const found = await this.ask();
      if (turn !== this.#asked) return; // a later question was answered before this one
      [this.value, this.problem] = [found, ""];
    } catch (error) {
      if (turn === this.#asked) this.problem = wordsOf(error);
    }
  };
}

/** One that is read at once. */
export function reading<T>(ask: () => Promise<T>): Reading<T> {
  const made = new Reading(ask);
  void made.read();
  return made;
}

// What a tab shows: read when the tab is first looked at, kept while the page is open, read anew when it has changed.
import { ApiError, wordsOf } from "../../api/client";

export class Kept<T> {
  value = $state.raw<T | null>(null);
  /** The server says that it was not made yet. */
  missing = $state(false);
  /** Why it can't be shown, in words. */
  problem = $state("");
  #version: unknown = undefined;
  #asked = 0;

  constructor(private readonly ask: () => Promise<T>) {}

  get isReading(): boolean {
    return this.value === null && !this.missing && !this.problem;
  }

  /** Read it unless this version of it is here already. */
  see = (version: unknown): void => {
    if (version === this.#version) return;
    this.#version = version;
    void this.read();
  };

  read = async (): Promise<void> => {
    const turn = ++this.#asked;
    try {
      const found = await this.ask();
      if (turn !== this.#asked) return;
      [this.value, this.missing, this.problem] = [found, false, ""];
    } catch (error) {
      if (turn !== this.#asked) return;
      this.missing = error instanceof ApiError && error.status === 404;
      if (this.missing) this.value = null;
      this.problem = this.missing ? "" : wordsOf(error);
    }
  };
}

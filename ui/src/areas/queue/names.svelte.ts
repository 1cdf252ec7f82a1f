// What recordings are called: jobs know only which they are of.
import { api, ok } from "../../api/client";

const PAGE = 100;

class Names {
  #known = $state.raw<ReadonlyMap<string, string>>(new Map());

  of(recording: string | null): string {
    return (recording && this.#known.get(recording)) || "";
  }

  /** Most are among the newest of the library; others are asked for one by one. */
  async learn(recordings: (string | null)[]): Promise<void> {
    const unknown = () => [...new Set(recordings)].filter((one): one is string => one !== null && !this.#known.has(one));
    if (!unknown().length) return;
    const page = await ok(api.GET("/api/v1/library", { params: { query: { limit: PAGE } } }));
    this.#add(page.items.map((one) => [one.id, one.name]));
    this.#add(await Promise.all(unknown().map(async (id) => [id, await nameOf(id)] as const)));
  }
  /** It has another name now. */
  called(recording: string, name: string): void {
    this.#add([[recording, name]]);
  }
  #add(found: (readonly [string, string])[]): void {
    this.#known = new Map([...this.#known, ...found]);
  }
}

/** Empty where it was deleted. */
async function nameOf(recording: string): Promise<string> {
  const { data } = await api.GET("/api/v1/recordings/{recording}", { params: { path: { recording } } });
  return data?.name ?? "";
}

export const names = new Names();

// The keyboard of a list of links: j and k go from one to the next, others do something with where one is.
import { isSilenced } from "../../shortcuts";

const DEEDS = { "/": "filter", j: "go", k: "go", J: "extend", K: "extend", ArrowDown: "go", ArrowUp: "go", x: "choose", Escape: "none" } as const;
const STEPS: Record<string, number> = { j: 1, k: -1, J: 1, K: -1, ArrowDown: 1, ArrowUp: -1 };

export interface ListKey {
  deed: "filter" | "go" | "extend" | "choose" | "none";
  /** Of the row where one is then. */
  id: string;
}

/** null: the key means nothing here. Rows are `li[data-id]` with a link; the arrows count inside the list alone. */
export function listKey(event: KeyboardEvent, list: HTMLElement | undefined): ListKey | null {
  const at = event.target as HTMLElement;
  if (isSilenced(event) || event.ctrlKey || event.metaKey || event.altKey || at.matches("input:not([type=checkbox]), textarea, select, [role^=menuitem]") || at.closest("dialog")) return null;
  const deed = DEEDS[event.key as keyof typeof DEEDS];
  if (!deed || (event.key.startsWith("Arrow") && !list?.contains(at))) return null;
  const rows = [...(list?.querySelectorAll<HTMLElement>("li[data-id]") ?? [])];
  const here = rows.findIndex((row) => row.contains(at));
  const step = STEPS[event.key] ?? 0;
  const row = rows[step ? Math.max(0, Math.min(rows.length - 1, here + step)) : here];
  if (step && row) {
    row.querySelector<HTMLElement>("a[href]")?.focus({ focusVisible: true } as FocusOptions);
    row.scrollIntoView({ block: "nearest" });
  }
  return { deed, id: row?.dataset.id ?? "" };
}

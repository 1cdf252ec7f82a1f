// What this installation can do: read once, when the page opens.

import { ask } from "./api.js";

export const info = {};
const names = new Intl.DisplayNames(["en"], { type: "language" });

export async function readInfo() { Object.assign(info, await ask("/info")); }
export function languageName(code) {
  try { return names.of(code); } catch { return code; } // not a code that browsers know
}

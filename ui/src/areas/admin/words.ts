// Names that the platform uses inside, in words.
import { lasting, number } from "../../format";
import { t, type Key } from "../../messages";

/** `t("admin.<stem>_<name>")` where there is such a message, else the name itself. */
export function named(stem: "brick" | "class" | "step" | "outcome" | "wrong" | "did" | "reason" | "tenant", name: string): string {
  const key = `admin.${stem}_${name.replaceAll(/[^a-z0-9]+/gi, "_")}`;
  const words = t(key as Key);
  return words === key ? name : words;
}

/** 0.2 → "12 minutes", 3.25 → "3.3 h". */
export const hours = (n: number): string => (n > 0 && n < 1 ? lasting(n * 3600) : t("admin.hours_n", { n: number(n, n < 10 ? 1 : 0) }));

// Names that the platform uses inside, in words.
import { number } from "../../format";
import { t, type Key } from "../../messages";
import en from "../../messages/en/admin.json";

/** `t("admin.<stem>_<name>")` where there is such a message, else the name itself. */
export function named(stem: "brick" | "class" | "step" | "outcome" | "wrong" | "did" | "reason" | "tenant", name: string): string {
  const key = `${stem}_${name.replaceAll(/[^a-z0-9]+/gi, "_")}`;
  return key in en ? t(`admin.${key}` as Key) : name;
}

export const hours = (n: number): string => t("admin.hours_n", { n: number(n, n < 10 ? 1 : 0) });

// What the app says. One catalog for each language, one file for each area; English says which keys there are.
import type en from "./en";

type Catalog = typeof en;
type Area = keyof Catalog & string;
export type Key = { [A in Area]: `${A}.${keyof Catalog[A] & string}` }[Area];
export type Values = Record<string, string | number>;
type Message = string | Partial<Record<Intl.LDMLPluralRule, string>>;

export const LANGUAGES = { en: "English", fr: "Français" } as const;
export type Language = keyof typeof LANGUAGES;
const KEPT = "echo.language";

let catalog: Record<string, Record<string, Message>>;
let plurals: Intl.PluralRules;
export let language: Language = "en";
/** With the country, where the browser says one: it decides how dates are written. */
export let locale = "en";

export function chosenLanguage(): Language | null {
  const kept = localStorage.getItem(KEPT);
  return kept && kept in LANGUAGES ? (kept as Language) : null;
}

/** Takes effect when the page is loaded the next time; null: as the browser says. */
export function chooseLanguage(wanted: Language | null): void {
  if (wanted) localStorage.setItem(KEPT, wanted);
  else localStorage.removeItem(KEPT);
}

export async function loadMessages(): Promise<void> {
  const heard = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES);
  language = chosenLanguage() ?? (heard as Language | undefined) ?? "en";
  catalog = (language === "fr" ? await import("./fr") : await import("./en")).default;
  locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
  plurals = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

/** The message, with {names} replaced by values. Where it has plural forms, `n` says which. */
export function t(key: Key, values: Values = {}): string {
  const [area, name] = key.split(/\.(.*)/s) as [string, string];
  const found = catalog[area]?.[name];
  const text = typeof found === "object" ? (found[plurals.select(Number(values.n))] ?? found.other) : found;
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, each: string) => shown(values[each]) ?? whole);
}

const shown = (value: string | number | undefined): string | undefined =>
  typeof value === "number" ? value.toLocaleString(language) : value;

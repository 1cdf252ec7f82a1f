// Times, sizes and dates as people read them.
import { language, locale, t } from "./messages";

const two = (n: number) => String(n).padStart(2, "0");

/** 3661.2 → "1:01:01"; 61 → "1:01". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
  return h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
}

/** In words, as exact as is of use: "40 seconds", "4 minutes", "1 h 20 min", "3 days". */
export function lasting(seconds: number): string {
  if (seconds < 55) return t("common.seconds", { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 3570) return t("common.minutes", { n: Math.max(1, Math.round(seconds / 60)) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60 && minutes % 60 === 0) return t("common.hours", { n: minutes / 60 });
  if (minutes < 48 * 60) return t("common.hours_minutes", { h: Math.floor(minutes / 60), m: minutes % 60 });
  return t("common.days", { n: Math.round(minutes / 1440) });
}

/** "Today, 14:05", "Yesterday, 9:00", "3 Nov 2026, 9:00". */
export function moment(iso: string, now = new Date()): string {
  const then = new Date(iso);
  const time = then.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  const day = (date: Date) => date.toDateString();
  if (day(then) === day(now)) return t("common.today_at", { time });
  if (day(then) === day(new Date(now.getTime() - 86_400_000))) return t("common.yesterday_at", { time });
  return then.toLocaleString(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
}

/** 1536 → "1.5 kB", by powers of 1000. */
export function size(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  const digits = step && value < 10 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: digits }).format(value);
}

export const number = (value: number, digits = 0): string => value.toLocaleString(language, { maximumFractionDigits: digits });
export const percent = (share: number): string => share.toLocaleString(language, { style: "percent" });

/** "en" → "English", in the app's language. */
export function languageName(code: string): string {
  try {
    const name = new Intl.DisplayNames(language, { type: "language" }).of(code) ?? code;
    return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
  } catch {
    return code;
  }
}

/** The first letters of a name: "Ada Byron" → "AB", "Speaker 2" → "S2"; of a single word two: "Nell" → "Ne". */
export function initials(name: string): string {
  const parts = name.trim().split(/\s+/);
  if (parts.length === 1) return [...parts[0]!].slice(0, 2).join("");
  return [parts[0]!, parts.at(-1)!].map((part) => [...part][0] ?? "").join("").toLocaleUpperCase(language);
}

/** Which of the eight speaker colours, by the place among the speakers: `var(--s1)` … `var(--s8)`. */
export const speakerColour = (at: number): string => `var(--s${(at % 8) + 1})`;

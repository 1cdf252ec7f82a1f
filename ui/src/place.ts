// Where somebody was in a long list, for when they come back to it or load it anew.
export interface Place {
  /** The whole address of the list: filters make it another one. */
  href: string;
  top: number;
  /** How many were shown. */
  count: number;
}

const KEPT = "echo.place";
let cameBack = ["reload", "back_forward"].includes((performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming | undefined)?.type ?? "");

addEventListener("popstate", () => {
  cameBack = true;
  setTimeout(() => (cameBack = false), 1000);
});

const here = () => location.pathname + location.search;

/** What was kept of this address, if one came here by back, forward or reload. */
export function placeKept(): Place | null {
  if (!cameBack) return null;
  cameBack = false;
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Place | null;
  return kept?.href === here() ? kept : null;
}

/** Keep it while the list is shown: `href` is then still its own. Returns what ends the keeping. */
export function keepPlace(count: () => number): () => void {
  let timer = 0;
  const keep = () => {
    timer = 0;
    sessionStorage.setItem(KEPT, JSON.stringify({ href: here(), top: scrollY, count: count() } satisfies Place));
  };
  const scrolled = () => (timer ||= window.setTimeout(keep, 150));
  addEventListener("scroll", scrolled, { passive: true });
  return () => {
    clearTimeout(timer);
    removeEventListener("scroll", scrolled);
  };
}

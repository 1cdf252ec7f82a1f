// Every page has an address. `route` says which is shown; links are followed without loading the app anew.
import type { Component } from "svelte";

export interface Page {
  /** Segments; those with a colon are parameters, which the page gets as props. */
  path: string;
  load: () => Promise<{ default: Component<any> }>;
}

class Route {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  hash = $state(location.hash);
}

export const route = new Route();
const guards = new Set<() => boolean>();

function follow(): void {
  route.path = location.pathname;
  route.query = new URLSearchParams(location.search);
  route.hash = location.hash;
}

/** Go to an address of the app. `replace`: without a step in the history, as for filters that are being typed. */
export function go(href: string, { replace = false, keepScroll = false } = {}): void {
  const from = location.pathname;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  follow();
  if (!replace && !keepScroll && from !== location.pathname) window.scrollTo(0, 0);
}

/** Change parts of the query of this page; null takes one away. */
export function setQuery(changes: Record<string, string | null>, { replace = true } = {}): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  go(location.pathname + (query.size ? `?${query}` : "") + location.hash, { replace });
}

/** Ask before the page is left while `unsaved` says so. Returns what ends the asking. */
export function keepWhile(unsaved: () => boolean): () => void {
  guards.add(unsaved);
  return () => guards.delete(unsaved);
}

export function matched(pages: Page[], path: string): { page: Page; params: Record<string, string> } | null {
  const asked = path.split("/").filter(Boolean);
  for (const page of pages) {
    const wanted = page.path.split("/").filter(Boolean);
    if (wanted.length !== asked.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((part, at) => {
      if (!part.startsWith(":")) return part === asked[at];
      params[part.slice(1)] = decodeURIComponent(asked[at]!);
      return true;
    });
    if (fits) return { page, params };
  }
  return null;
}

addEventListener("popstate", follow);
addEventListener("beforeunload", (event) => {
  if ([...guards].some((unsaved) => unsaved())) event.preventDefault();
});
document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest?.("a");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
  if (/^\/(api|oauth|assets|metrics)\//.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
});

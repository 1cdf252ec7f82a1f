// Asking again and again, while somebody looks.

/** Call `read` now and every `everyMs`, but not while the page is hidden, unless `evenHidden`. Returns what ends it. */
export function poll(read: () => Promise<unknown>, everyMs: number, failed: (error: unknown) => void = () => {}, evenHidden = false): () => void {
  let timer = 0, ended = false;
  async function turn() {
    clearTimeout(timer);
    if (evenHidden || document.visibilityState === "visible") await read().catch(failed);
    if (!ended) timer = window.setTimeout(turn, everyMs);
  }
  const seen = () => document.visibilityState === "visible" && void turn();
  document.addEventListener("visibilitychange", seen);
  void turn();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}

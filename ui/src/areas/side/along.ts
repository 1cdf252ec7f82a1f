// Keep the line that plays in sight, inside what scrolls around it; never scroll the page itself.
const RESTS_MS = 4000;

/** Attach to a list. The returned function brings a line of it into sight, unless somebody scrolls by hand just now. */
export function along(): { list: (node: HTMLElement) => () => void; show: (line: Element | null | undefined) => void } {
  let scrolledAt = 0, around: HTMLElement | null = null;
  const byHand = () => (scrolledAt = Date.now());
  function list(node: HTMLElement) {
    around = scrollerOf(node);
    for (const name of ["wheel", "touchmove"]) around?.addEventListener(name, byHand, { passive: true });
    return () => {
      for (const name of ["wheel", "touchmove"]) around?.removeEventListener(name, byHand);
      around = null;
    };
  }
  function show(line: Element | null | undefined) {
    if (!line || !around || Date.now() - scrolledAt < RESTS_MS) return;
    const at = line.getBoundingClientRect(), frame = around.getBoundingClientRect();
    if (at.top > frame.top + 60 && at.bottom < frame.bottom - 40) return;
    around.scrollBy({ top: at.top - frame.top - frame.height / 3, behavior: "smooth" });
  }
  return { list, show };
}

function scrollerOf(node: HTMLElement): HTMLElement | null {
  for (let each = node.parentElement; each && each !== document.body; each = each.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(each).overflowY) && each.scrollHeight > each.clientHeight) return each;
  }
  return null;
}

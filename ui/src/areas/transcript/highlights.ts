// Marks over text without an element for each: the CSS Custom Highlight API. Browsers without it show none.
type Name = "spoken" | "unsure" | "found" | "found-now";

export interface Stretch {
  node: Node | null | undefined;
  from: number;
  to: number;
}

const registry = (CSS as { highlights?: HighlightRegistry }).highlights;

export function paint(name: Name, stretches: Stretch[]): void {
  if (!registry) return;
  const ranges = stretches.flatMap(({ node, from, to }) => {
    if (!(node instanceof Text) || to > node.length) return [];
    const range = new Range();
    range.setStart(node, from);
    range.setEnd(node, to);
    return [range];
  });
  if (ranges.length) registry.set(name, new Highlight(...ranges));
  else registry.delete(name);
}

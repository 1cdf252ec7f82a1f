// Where the lines of a chart go. Pure.

/** At most `wanted` round steps from 0 up to the first that covers `most`: 7 → [0, 2, 4, 6, 8]. */
export function ticks(most: number, wanted = 4): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough * 0.999) ?? 10) * power;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12)));
}

/** Which of `count` places get a label, when each label needs `labelPx` of `widthPx`: every nth. */
export function labelled(count: number, widthPx: number, labelPx = 56): number {
  return Math.max(1, Math.ceil((count * labelPx) / Math.max(1, widthPx)));
}

/** A path through the points that are there; a gap where one is null. */
export function path(points: ([number, number] | null)[]): string {
  let drawn = "", isDown = false;
  for (const point of points) {
    if (point) drawn += `${isDown ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    isDown = point !== null;
  }
  return drawn;
}

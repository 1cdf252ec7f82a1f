// The outline of a sound, made to fit so many columns. Pure.

/** As many pairs a second as a wide screen can show, of those that the server has. */
export function pairsPerSecond(duration: number): number {
  return [50, 25, 10, 5, 2].find((each) => each * duration <= 9000) ?? 1;
}

/** For each column how far the sound goes up and down, from 0 to 1, the loudest at 1. */
export function columns(pairs: Int8Array, count: number): Float32Array {
  const many = pairs.length / 2, result = new Float32Array(count);
  let loudest = 1;
  for (let column = 0; column < count; column++) {
    const from = Math.floor((column * many) / count), to = Math.max(from + 1, Math.floor(((column + 1) * many) / count));
    let most = 0;
    for (let at = from; at < to && at < many; at++) most = Math.max(most, -pairs[2 * at]!, pairs[2 * at + 1]!);
    result[column] = most;
    loudest = Math.max(loudest, most);
  }
  return result.map((each) => each / loudest);
}

/** A small curve as an SVG path. */

/**
 * The path of the points in a box of `width` x `height` pixels, each axis by its own range; it breaks where y is not finite.
 *
 * A curve of equal values is a line at half height, a single point a dash of one pixel.
 */
export function pathOf(x: ArrayLike<number>, y: ArrayLike<number>, width: number, height: number): string {
  const [left, right] = rangeOf(x);
  const [low, high] = rangeOf(y);
  const across = right > left ? width / (right - left) : 0;
  const up = high > low ? height / (high - low) : 0;
  let path = '';
  let isPen = false;
  for (let i = 0; i < y.length; i++) {
    if (!Number.isFinite(y[i]!) || !Number.isFinite(x[i]!)) {
      isPen = false;
      continue;
    }
    const at = `${round((x[i]! - left) * across)} ${round(up ? height - (y[i]! - low) * up : height / 2)}`;
    // A single point between two gaps is drawn, too.
    path += isPen ? `L${at}` : `M${at}h0.01`;
    isPen = true;
  }
  return path;
}

function rangeOf(values: ArrayLike<number>): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

/** Debiased exponential moving average, as TensorBoard's, made independent of how the points were thinned. */

/**
 * A running mean over logged points forgets by the factor `weight` per *unit* of x:
 *
 * - From 100 to 1,000 logged points the unit is their mean distance: where nothing was thinned and steps are even, this is
 *   TensorBoard's curve, number for number.
 * - Below, the unit is a hundredth of the series' extent: a validation curve of ten points does not trail behind by a third of
 *   the training because its neighbour of a thousand points is noisy.
 * - Beyond, the unit is a thousandth of the series' extent. TensorBoard draws a random 1,000 of the points and smooths those;
 *   this is that curve without the dice, and 0.9 looks equally smooth for a thousand and for a million steps.
 *
 * The server sends a few of the logged points (the extremes of every pixel column). Between two of them the line that is
 * drawn is straight, so the mean runs over that straight line: over `gap = distance / unit` evenly spread points of it at once,
 * in closed form. Hence a straight stretch gives the same value whether it came as 2 points or as 2,000, and a column's
 * minimum and maximum count by the distance they stand for, not once each.
 */
export interface Smoothing {
  /** 0: the points as they are; 0.999: nearly a flat line. */
  weight: number;
  /** Distance in x over which the mean forgets by `weight`. */
  unit: number;
}

const LEAST_POINTS = 100;
const MOST_POINTS = 1000;

/** The unit of a series: how far apart its logged points are, within a hundredth and a thousandth of its extent. */
export function smoothingUnit(first: number, last: number, nLogged: number): number {
  if (nLogged < 2 || !(last > first)) return 1;
  return (last - first) / (Math.min(Math.max(nLogged, LEAST_POINTS), MOST_POINTS) - 1);
}

/**
 * Smooth `y` at ascending `x`. NaN and infinities pass through and are not averaged.
 *
 * Two points closer than a unit (the two extremes of a pixel column) pull by their distance, not by their number.
 */
export function smooth(x: ArrayLike<number>, y: ArrayLike<number>, { weight, unit }: Smoothing): Float64Array {
  const n = y.length;
  const out = new Float64Array(n);
  if (!(weight > 0)) {
    for (let i = 0; i < n; i++) out[i] = y[i]!;
    return out;
  }
  const w = Math.min(weight, 0.9999);
  const logW = Math.log(w);
  let mean = 0;
  let mass = 0; // of the real points; the rest would be the zero that a biased mean begins with
  let lastX = NaN;
  let lastY = NaN;
  for (let i = 0; i < n; i++) {
    const value = y[i]!;
    if (value - value !== 0) {
      out[i] = value; // NaN and infinities
      continue;
    }
    if (mass === 0) {
      mean = value;
      mass = 1 - w;
    } else {
      const gap = Math.max((x[i]! - lastX) / unit, 0);
      const keep = Math.abs(gap - 1) < 1e-6 ? w : Math.exp(gap * logW);
      mass = mass * keep + (1 - keep);
      // As a step towards the value, not as a sum of shares: a constant stays itself to the last bit.
      const toGo = (1 - keep) * (value - mean) - (gap <= 1 ? 0 : lag(lastY, value, gap, w, keep));
      mean += toGo / mass;
    }
    lastX = x[i]!;
    lastY = value;
    out[i] = mean;
  }
  return out;
}

/**
 * How far `gap` evenly spread points on the line from `from` (left out) to `to` stay behind as many points at `to`.
 *
 * The sum over k = 1 … gap of (1 - w) w^(gap - k) (to - (from + (to - from) k / gap)), with keep = w^gap.
 */
function lag(from: number, to: number, gap: number, w: number, keep: number): number {
  const late = (w * (1 - keep)) / (1 - w) - gap * keep; // (1 - w) times the sum of j w^j, j = 0 … gap - 1
  return ((to - from) / gap) * late;
}

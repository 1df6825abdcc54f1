/** Arithmetic for drawing histograms: density in the space of the axis, the range that holds nearly all values, quantiles. */
import { lowerBound } from './nearest';

export interface Histogram {
  /** Ascending, one more than bins. */
  edges: Float64Array;
  /** [step, bin], row by row. */
  counts: Float32Array;
  /** Exact zeros of each step; they are in no bin. */
  zeros: Float32Array;
  nonfinite: Float32Array;
  steps: Float64Array;
  /** Bins chosen by the user: kept as fine as they are, and 0 is a value like any other. */
  own?: boolean;
}

const binsOf = (h: Histogram) => Math.max(0, h.edges.length - 1);

export function rowOf(h: Histogram, step: number): Float32Array {
  const n = binsOf(h);
  return h.counts.subarray(step * n, (step + 1) * n);
}

/** The bin that holds a value; the first or the last if it lies beyond. */
export function binAt(h: Histogram, value: number): number {
  const above = lowerBound(h.edges, value);
  return Math.max(0, Math.min(binsOf(h) - 1, h.edges[above] === value ? above : above - 1));
}

function sum(row: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < row.length; i++) total += row[i]!;
  return total;
}

/** Value below which `share` of the mass lies, interpolated within its bin. `zero`: the mass exactly at 0. */
export function quantileOf(edges: ArrayLike<number>, row: ArrayLike<number>, share: number, zero = 0): number {
  const goal = share * (sum(row) + zero);
  let seen = 0;
  for (let i = 0; i < row.length; i++) {
    const [low, high, mass] = [edges[i]!, edges[i + 1]!, row[i]!];
    // Zeros are counted where the axis passes 0: halfway through the bin around it, or between two bins.
    const passes = zero > 0 && low <= 0 && high > 0;
    if (passes) {
      const below = low < 0 ? (mass * -low) / (high - low) : 0;
      if (seen + below >= goal && mass > 0) return low + ((goal - seen) / mass) * (high - low);
      if (seen + below + zero >= goal) return 0;
      if (seen + mass + zero >= goal) return mass > 0 ? low + ((goal - seen - zero) / mass) * (high - low) : 0;
      seen += mass + zero;
    } else {
      if (mass > 0 && seen + mass >= goal) return low + ((goal - seen) / mass) * (high - low);
      seen += mass;
    }
  }
  return edges[edges.length - 1] ?? 0;
}

/** If values would fill less than this share of a range that includes zero, zero is left out. */
const NEEDLE = 0.25;

/** The range that holds `share` of all values of all steps; a few strays would make the rest a needle. */
export function trimmed(h: Histogram, share = 0.999): [number, number] {
  const n = binsOf(h);
  if (!n) return [-1, 1];
  const total = new Float64Array(n);
  for (let step = 0; step < h.steps.length; step++) {
    const row = rowOf(h, step);
    for (let i = 0; i < n; i++) total[i]! += row[i]!;
  }
  const low = quantileOf(h.edges, total, (1 - share) / 2);
  const high = quantileOf(h.edges, total, (1 + share) / 2);
  if (h.own) {
    // Whole bins, and all of them where nothing was counted.
    if (!(high > low)) return [h.edges[0]!, h.edges[n]!];
    return [h.edges[binAt(h, low)]!, h.edges[Math.min(n, lowerBound(h.edges, high))]!];
  }
  // Zero stays in sight, unless the values are a needle far from it, as the gains of a normalisation are around 1.
  const [from, to] = [Math.min(low, 0), Math.max(high, 0)];
  if (high > low && high - low < NEEDLE * (to - from) && !h.zeros.some((n) => n > 0)) return [low, high];
  return to > from ? [from, to] : [-1, 1];
}

/**
 * Shares of values in `n` columns of equal width on the axis (`bend` of a scale) from `low` to `high`.
 *
 * Bins have equal widths in the logarithm: on a linear axis those around zero are very narrow, those far out very wide. Each
 * distributes its count over the columns it covers by overlap, so an area is still a fraction of all values. Exact zeros have no width:
 * they count in the total and are reported in words.
 */
export function columns(h: Histogram, step: number, bend: (value: number) => number, low: number, high: number, n: number): Float64Array {
  const row = rowOf(h, step);
  const out = new Float64Array(n);
  const total = sum(row) + (h.zeros[step] ?? 0);
  if (total === 0) return out;
  const start = bend(low);
  const perColumn = n / (bend(high) - start);
  for (let i = 0; i < row.length; i++) {
    if (row[i] === 0) continue;
    const from = (bend(h.edges[i]!) - start) * perColumn;
    const to = (bend(h.edges[i + 1]!) - start) * perColumn;
    const share = row[i]! / total / (to - from);
    for (let c = Math.max(0, Math.floor(from)); c < Math.min(n, to); c++) out[c]! += share * (Math.min(to, c + 1) - Math.max(from, c));
  }
  return out;
}

/** How many columns suit this many values: few values in many columns would only show noise. */
export function columnsFor(h: Histogram): number {
  if (h.own) return Math.min(200, Math.max(60, 2 * binsOf(h)));
  let most = 0;
  for (let step = 0; step < h.steps.length; step++) most = Math.max(most, sum(rowOf(h, step)));
  return Math.min(72, Math.max(14, Math.round(2 * Math.sqrt(most))));
}

/** Quantiles of every step: [share][step]. */
export function fan(h: Histogram, shares: readonly number[]): Float32Array[] {
  return shares.map((share) =>
    Float32Array.from({ length: h.steps.length }, (_, step) => {
      const row = rowOf(h, step);
      return sum(row) + (h.zeros[step] ?? 0) > 0 ? quantileOf(h.edges, row, share, h.zeros[step] ?? 0) : NaN;
    }),
  );
}

/** The usual height of the tallest column of a step, so that a step with everything in one bin does not flatten the others. */
export function commonHeight(densities: readonly Float64Array[]): number {
  const tops = densities.map((row) => row.reduce((a, b) => Math.max(a, b), 0)).filter((top) => top > 0).sort((a, b) => a - b);
  return tops.length ? Math.min(tops[tops.length - 1]!, tops[Math.floor(tops.length / 2)]! * 2.5) : 1;
}

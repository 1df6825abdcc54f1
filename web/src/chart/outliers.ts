/** The range of y that a chart shows: all finite values, or only the ordinary ones if the others would flatten them. */

const ENOUGH = 20_000; // values looked at for quantiles; more do not move them by a pixel
/** This fraction of the values at either end of a line is not ordinary. */
const TAIL = 0.02;
/** Nothing is clipped if the ordinary values fill at least this fraction of an axis that shows everything. */
const FLAT = 0.1;
/** A line is not ordinary if it is this many times as large as the others of its key; with two lines, it is unclear which is the odd one. */
const TIMES = 10;
const TIMES_OF_TWO = 100;
/** Of many lines it is plain what is usual, and that a few are not. */
const TIMES_OF_MANY = 4;
const MANY = 8;
const FEW = 0.2;

/** Smallest and largest finite value (above 0 where `positive`); [NaN, NaN] when there is none. */
export function extent(columns: readonly ArrayLike<number>[], positive = false): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const values of columns) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value - value !== 0 || (positive && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : [NaN, NaN];
}

/** The part of a line that lies in the shown range of x. */
export interface Span {
  /** The run or group. */
  id: string;
  key: string;
  values: ArrayLike<number>;
}

export interface Range {
  low: number;
  high: number;
  /** Runs or groups with values beyond the range. */
  beyond: ReadonlySet<string>;
}

/**
 * The range of the ordinary values. It is that of all values, unless the others would squeeze the ordinary ones into less than a
 * tenth of the axis.
 *
 * The middle 96 % of each line are ordinary, except in lines that are ten times as large as the median line of their key: runs that
 * diverged. With two lines, one must be a hundred times as large; with eight or more, four times is enough if at most a fifth
 * are. On a logarithmic axis (`positive`), fractions are of its decades.
 */
export function ordinaryRange(spans: readonly Span[], positive = false): Range {
  const bend = positive ? Math.log10 : (value: number) => value;
  const lines = spans.map((span) => ({ ...span, whole: extent([span.values], positive) })).filter(({ whole }) => !Number.isNaN(whole[0]));
  if (!lines.length) return { low: NaN, high: NaN, beyond: new Set() };
  const [least, most] = [Math.min(...lines.map(({ whole }) => whole[0])), Math.max(...lines.map(({ whole }) => whole[1]))];
  const mostValues = Math.max(20, Math.floor(ENOUGH / lines.length));
  const middles = lines.map(({ key, values }) => ({ key, middle: middleOf(values, positive, mostValues) }));
  const limits = sizeLimits(middles);
  const ordinary = middles.filter(({ key, middle }) => sizeOf(middle) <= limits.get(key)!).map(({ middle }) => middle);
  const [low, high] = [Math.min(...ordinary.map(([from]) => from)), Math.max(...ordinary.map(([, to]) => to))];
  const [height, whole] = [bend(high) - bend(low), bend(most) - bend(least)];
  // If a series is nearly always the same, its rare values are what matters.
  if (!(height > 0) || height >= whole * FLAT) return { low: least, high: most, beyond: new Set() };
  // A tenth more on either side, so that values just beyond are not clipped.
  const room = positive ? (high / low) ** 0.1 : (high - low) * 0.1;
  const from = Math.max(least, positive ? low / room : low - room);
  const to = Math.min(most, positive ? high * room : high + room);
  return { low: from, high: to, beyond: new Set(lines.filter((line) => line.whole[0] < from || line.whole[1] > to).map(({ id }) => id)) };
}

/** The largest absolute value of a range. */
const sizeOf = ([low, high]: readonly [number, number]) => Math.max(Math.abs(low), Math.abs(high));

/** The size up to which the lines of each key are ordinary. */
function sizeLimits(middles: readonly { key: string; middle: readonly [number, number] }[]): Map<string, number> {
  const sizes = new Map<string, number[]>();
  for (const { key, middle } of middles) {
    const known = sizes.get(key);
    if (known) known.push(sizeOf(middle));
    else sizes.set(key, [sizeOf(middle)]);
  }
  return new Map(
    [...sizes].map(([key, all]) => {
      const median = all.sort((a, b) => a - b)[(all.length - 1) >> 1]!;
      const areFew = all.length >= MANY && all.filter((size) => size > median * TIMES_OF_MANY).length <= all.length * FEW;
      const times = areFew ? TIMES_OF_MANY : all.length > 2 ? TIMES : TIMES_OF_TWO;
      return [key, median > 0 ? median * times : Infinity];
    }),
  );
}

/** Shared by all lines, so that a thousand of them do not allocate a thousand arrays. */
let scratch = new Float64Array(1024);

/** The middle of a line's finite values (above 0 if `positive`), from an evenly spaced sample if there are many. */
function middleOf(values: ArrayLike<number>, positive: boolean, most: number): [number, number] {
  const stride = Math.max(1, Math.ceil(values.length / most));
  const size = Math.ceil(values.length / stride);
  if (scratch.length < size) scratch = new Float64Array(size);
  const kept = scratch;
  let n = 0;
  for (let i = 0; i < values.length; i += stride) {
    const value = values[i]!;
    if (value - value === 0 && !(positive && value <= 0)) kept[n++] = value;
  }
  // The sample may have missed the few finite values of a line.
  if (n === 0) return extent([values], positive);
  const sorted = kept.subarray(0, n).sort();
  return [quantile(sorted, TAIL), quantile(sorted, 1 - TAIL)];
}

/** Quantile of an ascending column, with linear interpolation. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (place - below);
}

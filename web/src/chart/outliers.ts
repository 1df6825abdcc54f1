/** The range of y that a chart shows: all finite values, or the ordinary ones where the others would flatten them. */

const ENOUGH = 20_000; // values looked at for quantiles; more do not move them by a pixel
/** Of a line, this much at either end of its values is not ordinary. */
const TAIL = 0.02;
/** What is ordinary fills at least this share of an axis that shows everything. */
const FLAT = 0.1;
/** A line is not ordinary if it is so many times as large as the others of its key; of two lines nobody knows which is the odd one. */
const TIMES = 10;
const TIMES_OF_TWO = 100;

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
  /** Runs or groups with values beyond. */
  beyond: ReadonlySet<string>;
}

/**
 * The range that shows what is ordinary. It is that of all values, unless those beyond would squeeze the ordinary ones into less than a
 * tenth of the axis.
 *
 * Ordinary is the middle 96 % of each line, except of lines that are ten times as large as the median line of their key: runs that
 * diverged. Of two lines one must be a hundred times as large. Of a logarithmic axis (`positive`) shares are those of its decades.
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
  // A series that is nearly always the same tells by what it seldom is.
  if (!(height > 0) || height >= whole * FLAT) return { low: least, high: most, beyond: new Set() };
  // A tenth more on either side: what lies just beyond is no outlier.
  const room = positive ? (high / low) ** 0.1 : (high - low) * 0.1;
  const from = Math.max(least, positive ? low / room : low - room);
  const to = Math.min(most, positive ? high * room : high + room);
  return { low: from, high: to, beyond: new Set(lines.filter((line) => line.whole[0] < from || line.whole[1] > to).map(({ id }) => id)) };
}

/** The largest absolute value of a range. */
const sizeOf = ([low, high]: readonly [number, number]) => Math.max(Math.abs(low), Math.abs(high));

/** Up to which size the lines of each key are ordinary. */
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
      return [key, median > 0 ? median * (all.length > 2 ? TIMES : TIMES_OF_TWO) : Infinity];
    }),
  );
}

/** Shared by all lines: a thousand of them would leave a thousand arrays behind. */
let scratch = new Float64Array(1024);

/** The middle of a line's finite values (above 0 where `positive`), of an even sample where there are many. */
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
  // Of a line with few finite values the sample may have missed all.
  if (n === 0) return extent([values], positive);
  const sorted = kept.subarray(0, n).sort();
  return [quantile(sorted, TAIL), quantile(sorted, 1 - TAIL)];
}

/** Quantile of an ascending column, between neighbours in proportion. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (place - below);
}

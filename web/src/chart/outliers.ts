/** The range of y that a chart shows: all finite values, or the middle nine tenths of them. */

const ENOUGH = 20_000; // values looked at for quantiles; more do not move them by a pixel

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

/** The 5 % and the 95 % quantile of all finite values (above 0 where `positive`), of an even sample where there are many. */
export function withoutOutliers(columns: readonly ArrayLike<number>[], positive = false): [number, number] {
  const total = columns.reduce((sum, values) => sum + values.length, 0);
  const stride = Math.max(1, Math.ceil(total / ENOUGH));
  const kept = new Float64Array(Math.ceil(total / stride));
  let n = 0;
  let next = 0;
  let passed = 0;
  for (const values of columns) {
    for (; next < passed + values.length; next += stride) {
      const value = values[next - passed]!;
      if (value - value === 0 && !(positive && value <= 0)) kept[n++] = value;
    }
    passed += values.length;
  }
  if (n === 0) return [NaN, NaN];
  const sorted = kept.subarray(0, n).sort();
  return [quantile(sorted, 0.05), quantile(sorted, 0.95)];
}

/** Quantile of an ascending column, between neighbours in proportion. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (place - below);
}

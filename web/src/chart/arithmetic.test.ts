import { expect, test } from 'vitest';
import { mergeDetail } from './merge';
import { lowerBound, nearest } from './nearest';
import { extent } from './outliers';

const xs = [0, 1, 1, 4, 9, 10];

test.each([-3, 0, 0.4, 1, 2.5, 2.6, 6.4, 6.6, 9.5, 11])('nearest to %s agrees with a full search', (x) => {
  const best = Math.min(...xs.map((value) => Math.abs(value - x)));
  expect(Math.abs(xs[nearest(xs, x)]! - x)).toBe(best);
});

test('nearest searches only the given range', () => {
  expect(nearest(xs, 0, 3, 5)).toBe(3);
  expect(nearest(xs, 100, 3, 5)).toBe(4);
  expect(nearest(xs, 1, 2, 2)).toBe(-1);
});

test('the lower bound of equal values is the first of them', () => {
  expect(lowerBound(xs, 1)).toBe(1);
  expect(lowerBound(xs, 99)).toBe(6);
});

const points = (...pairs: [number, number][]) => ({
  x: Float64Array.from(pairs, (pair) => pair[0]),
  y: Float32Array.from(pairs, (pair) => pair[1]),
  smoothed: null as Float32Array | null,
});

test('detail replaces the overview inside its window only', () => {
  const merged = mergeDetail(points([0, 0], [10, 1], [20, 2], [30, 3], [40, 4]), points([9, 5], [15, 6], [21, 7]));
  expect([...merged.x]).toEqual([0, 9, 15, 21, 30, 40]);
  expect([...merged.y]).toEqual([0, 5, 6, 7, 3, 4]);
});

test('a merge ascends even if detail extends beyond the overview', () => {
  const merged = mergeDetail(points([0, 0], [10, 1]), points([5, 5], [15, 6]));
  expect([...merged.x]).toEqual([0, 5, 15]);
});

test('a moving average is merged beside its values, and stays the values if it came alone', () => {
  const both = { ...points([0, 0], [20, 2]), smoothed: Float32Array.of(7, 8) };
  const detail = { ...points([9, 5]), smoothed: Float32Array.of(9) };
  expect([...mergeDetail(both, detail).smoothed!]).toEqual([7, 9, 8]);
  const alone = { ...both, y: both.smoothed };
  const merged = mergeDetail(alone, { ...detail, y: detail.smoothed });
  expect(merged.smoothed).toBe(merged.y);
});

test('an empty detail leaves the overview', () => {
  const overview = points([0, 0], [10, 1]);
  expect(mergeDetail(overview, points())).toBe(overview);
});

test('the extent ignores NaN, infinities and, on a logarithmic axis, non-positive values', () => {
  expect(extent([[NaN, 3, -2], [Infinity, 0.5]])).toEqual([-2, 3]);
  expect(extent([[0, 3, -2, 0.5]], true)).toEqual([0.5, 3]);
  expect(extent([[NaN], []])).toEqual([NaN, NaN]);
});

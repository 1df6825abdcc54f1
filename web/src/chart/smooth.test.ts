import { expect, test } from 'vitest';
import { smooth, smoothingUnit } from './smooth';

/** TensorBoard's running mean, as its source writes it: one point after the other. */
function slow(values: number[], weight: number): number[] {
  let last = 0;
  let seen = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    seen += 1;
    return last / (1 - weight ** seen);
  });
}

const noisy = Array.from({ length: 400 }, (_, i) => Math.exp(-i / 90) + 0.2 * Math.sin(i * 12.9898) * Math.cos(i * 78.233));
const steps = (n: number, every = 1) => Array.from({ length: n }, (_, i) => i * every);

test.each([0.1, 0.6, 0.9, 0.99])('with weight %s every point equals the slow loop', (weight) => {
  const out = smooth(steps(400, 10), noisy, { weight, unit: smoothingUnit(0, 3990, 400) });
  slow(noisy, weight).forEach((value, i) => expect(out[i]).toBeCloseTo(value, 6));
});

test('weight 0 leaves the points alone', () => {
  expect([...smooth([0, 1, 2], [3, NaN, 5], { weight: 0, unit: 1 })]).toEqual([3, NaN, 5]);
});

test('NaN and infinities pass through and are not averaged', () => {
  const values = [1, 2, NaN, Infinity, 3];
  const out = smooth(steps(5), values, { weight: 0.5, unit: 1 });
  expect(out[2]).toBeNaN();
  expect(out[3]).toBe(Infinity);
  expect(Number.isFinite(out[4])).toBe(true);
});

test('the first point is not pulled towards zero', () => {
  expect(smooth([0, 1], [100, 100], { weight: 0.99, unit: 1 })[0]).toBeCloseTo(100, 4);
});

test('a straight line gives the same mean from its two ends as from all its points', () => {
  const n = 501;
  const line = steps(n).map((i) => 3 - 0.004 * i);
  const unit = smoothingUnit(0, n - 1, n);
  const all = smooth(steps(n), line, { weight: 0.97, unit });
  const few = smooth([0, 1, 120, 380, 500], [0, 1, 120, 380, 500].map((i) => line[i]!), { weight: 0.97, unit });
  [0, 1, 120, 380, 500].forEach((i, k) => expect(few[k]).toBeCloseTo(all[i]!, 5));
});

test('thinning to the extremes of each column moves the mean by less than a tenth of the noise', () => {
  const n = 8000;
  const x = steps(n);
  const y = x.map((i) => Math.exp(-i / 2000) + 0.1 * Math.sin(i * 12.9898 + Math.cos(i * 78.233) * 40));
  const kept: number[] = [0];
  for (let start = 0; start < n; start += 40) {
    const column = x.slice(start, start + 40);
    const low = column.reduce((a, b) => (y[b]! < y[a]! ? b : a));
    const high = column.reduce((a, b) => (y[b]! > y[a]! ? b : a));
    kept.push(...new Set([low, high].toSorted((a, b) => a - b)));
  }
  kept.push(n - 1);
  const unit = smoothingUnit(0, n - 1, n);
  const all = smooth(x, y, { weight: 0.95, unit });
  const few = smooth(kept, kept.map((i) => y[i]!), { weight: 0.95, unit });
  const apart = kept.slice(60).map((i, k) => Math.abs(few[k + 60]! - all[i]!));
  expect(Math.max(...apart)).toBeLessThan(0.035);
  expect(apart.reduce((a, b) => a + b) / apart.length).toBeLessThan(0.01);
});

test('a few points far apart hardly trail behind at TensorBoard’s default weight', () => {
  const x = steps(11, 100);
  const y = x.map((step) => (step < 300 ? 0.1 : 0.9));
  const out = smooth(x, y, { weight: 0.6, unit: smoothingUnit(0, 1000, 11) });
  expect(out[4]).toBeGreaterThan(0.89);
  expect(slow(y, 0.6)[4]).toBeLessThan(0.8);
});

test('beyond a thousand points the look depends on the extent, not on the number of points', () => {
  expect(smoothingUnit(0, 1e6, 1_000_001)).toBeCloseTo(smoothingUnit(0, 1e6, 10_001), 9);
  expect(smoothingUnit(0, 99, 100)).toBe(1);
  expect(smoothingUnit(0, 999, 1000)).toBe(1);
});

test.each([1.5, 0.1, -1234.5678, 1e-12, 1e9 + 0.1, 1e300])('a constant %s stays itself to the last bit', (value) => {
  const out = smooth(steps(300, 3), new Array<number>(300).fill(value), { weight: 0.6, unit: 7 });
  expect(new Set(out)).toEqual(new Set([value]));
  expect(new Set(smooth([0, 50, 51, 900], [value, value, value, value], { weight: 0.9, unit: 7 }))).toEqual(new Set([value]));
});

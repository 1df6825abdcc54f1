import { expect, test } from 'vitest';
import { frameOf, partsOf, yRange, type Axes, type Curve } from './plot';

const axes: Axes = { x: 'linear', y: 'linear', xWindow: null, yWindow: null, clipsOutliers: false };

function curve(y: Float32Array | Float64Array): Curve {
  const x = Float64Array.from(y, (_, i) => i);
  return { id: 'a', key: 'k', dash: null, name: 'a', color: '#000000', x, y, smoothed: null, ghost: false };
}

test.each([
  ['f64', Float64Array.of(0.1, 0.1 + 2e-17, 0.1 - 3e-17)],
  ['f32', Float32Array.of(1.5, 1.5 + 2 ** -23, 1.5)],
])('what only rounding moves, in %s, is a flat line in the middle with ticks that differ', (_, y) => {
  const frame = frameOf([curve(y)], axes, 300, 200, () => 30);
  const heights = Array.from(y, (value) => Math.round(frame.y.at(value) * 100));
  expect(new Set(heights).size).toBe(1);
  expect(heights[0]! / 100).toBeCloseTo(frame.top + frame.height / 2, 0);
  const texts = frame.yTicks.map((tick) => tick.text);
  expect(texts.length).toBeGreaterThan(1);
  expect(new Set(texts).size).toBe(texts.length);
});

test('small changes of an accurate number are not rounding', () => {
  expect(yRange([curve(Float64Array.of(1e6, 1e6 + 1e-3))], axes)).toMatchObject({ low: 1e6, high: 1e6 + 1e-3 });
  expect(yRange([curve(Float32Array.of(1, 1.000002))], axes).low).toBe(1);
});

test('without points there is no range, and zeros give zeros', () => {
  expect(yRange([curve(Float32Array.of(NaN, NaN))], axes)).toMatchObject({ low: NaN, high: NaN });
  expect(yRange([curve(Float32Array.of(0, 0))], axes)).toMatchObject({ low: 0, high: 0 });
});

test('the line of a group is split where runs are missing, and every piece is in one of the two', () => {
  const line = Float32Array.of(1, 2, 3, 4, 5, 6);
  const { whole, partial } = partsOf({ ...curve(line), runs: [2, 2, 2, 1, 2, 2], nRuns: 2 });
  expect([...whole]).toEqual([1, 2, 3, NaN, 5, 6]);
  expect([...partial!]).toEqual([NaN, NaN, 3, 4, 5, NaN]);
});

test('the line of a complete group is not split', () => {
  const line = Float32Array.of(1, 2);
  expect(partsOf({ ...curve(line), runs: [2, 2], nRuns: 2 })).toEqual({ whole: line, partial: null });
});

test('a fixed limit of y stays, the other follows the values', () => {
  const values = [curve(Float32Array.of(1, 2, 3))];
  const ends = (yLimits: [number | null, number | null], y: Axes['y'] = 'linear') => {
    const { low, high } = frameOf(values, { ...axes, y, yLimits }, 300, 200, () => 30).y;
    return [low, high];
  };
  expect(ends([-5, null])).toEqual([-5, ends([null, null])[1]]);
  expect(ends([0, 2])).toEqual([0, 2]);
  expect(ends([4, 2])).toEqual(ends([null, null]));
  expect(ends([0, 2], 'log')[0]).toBeGreaterThan(0);
  expect(frameOf(values, { ...axes, yLimits: [0, 2], yWindow: [1, 2] }, 300, 200, () => 30).y.low).toBe(1);
});

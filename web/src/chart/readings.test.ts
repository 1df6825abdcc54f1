import { expect, test } from 'vitest';
import { frameOf, type Axes, type Curve } from './plot';
import { nearestReading, readingsAt, tooltipRows } from './readings';

const axes: Axes = { x: 'linear', y: 'linear', xWindow: null, yWindow: null, clipsOutliers: false };

function curve(id: string, xs: number[], ys: number[], more: Partial<Curve> = {}): Curve {
  return { id, key: 'k', dash: null, name: id, color: '#000000', x: Float64Array.from(xs), y: Float32Array.from(ys), smoothed: null, ghost: false, ...more };
}

const curves = [curve('a', [0, 50, 100], [1, 2, 3]), curve('b', [0, 50, 100], [9, 8, 7]), curve('short', [0, 10], [5, 5])];
const frame = frameOf(curves, axes, 400, 200, () => 20);

test('a curve that ended long before is not listed', () => {
  expect(readingsAt(curves, 60, frame).map((r) => r.curve.id)).toEqual(['a', 'b']);
  expect(readingsAt(curves, 9, frame).map((r) => r.curve.id)).toEqual(['a', 'b', 'short']);
});

test('ghosts are not listed', () => {
  expect(readingsAt([curve('g', [0, 100], [1, 2], { ghost: true })], 50, frame)).toEqual([]);
});

test('the nearest is found by its height on the screen', () => {
  const readings = readingsAt(curves, 50, frame);
  expect(nearestReading(readings, frame.y.at(7))!.curve.id).toBe('b');
  expect(nearestReading([], 0)).toBeNull();
});

test('a smoothed curve is read where it is drawn and keeps its logged value', () => {
  const smoothed = [curve('s', [0, 50, 100], [1, 2, 3], { smoothed: Float32Array.of(1, 1.5, 2) })];
  const reading = readingsAt(smoothed, 50, frame)[0]!;
  expect([reading.value, reading.smoothed]).toEqual([2, 1.5]);
});

test.each([
  ['descending', ['b', 'a']],
  ['ascending', ['a', 'b']],
  ['name', ['a', 'b']],
] as const)('rows are sorted %s', (sort, ids) => {
  expect(tooltipRows(readingsAt(curves, 60, frame), sort, 0, 12).rows.map((r) => r.curve.id)).toEqual(ids);
});

test('with many rows, those around the nearest are kept and the others counted', () => {
  const many = Array.from({ length: 30 }, (_, i) => curve(`r${i}`, [0, 100], [i, i]));
  const tall = frameOf(many, axes, 400, 300, () => 20);
  const { rows, nearest, left } = tooltipRows(readingsAt(many, 0, tall), 'ascending', tall.y.at(20), 12);
  expect(nearest!.curve.id).toBe('r20');
  expect(rows).toHaveLength(12);
  expect(rows).toContain(nearest);
  expect(left).toBe(18);
});

test('the window of y follows the window of x', () => {
  const zoomed = frameOf(curves.slice(0, 1), { ...axes, xWindow: [0, 1] }, 400, 200, () => 20);
  expect(zoomed.y.high).toBeLessThan(2.2);
});

test('with only the moving average, the logged value is unknown', () => {
  const mean = Float32Array.of(1, 1.5, 2);
  const reading = readingsAt([curve('s', [0, 50, 100], [0, 0, 0], { y: mean, smoothed: mean })], 50, frame)[0]!;
  expect([reading.value, reading.smoothed]).toEqual([null, 1.5]);
});

test('the mean of a group says how many of its runs have a value if some are missing', () => {
  const group = [curve('g', [0, 50, 100], [1, 2, 3], { runs: [4, 3, 4], nRuns: 4 })];
  expect(readingsAt(group, 50, frame)[0]!.of).toEqual([3, 4]);
  expect(readingsAt(group, 100, frame)[0]!.of).toBeNull();
});

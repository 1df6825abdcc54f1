import { expect, test } from 'vitest';
import { makeScale } from './scale';
import { between, dragKind, panned, zoomed } from './zoom';

const scale = makeScale('linear', 20, 40, 0, 200);
const whole = [0, 100] as const;

test.each([
  [2, 3, false, 'none'],
  [60, 5, false, 'x'],
  [5, 60, false, 'y'],
  [60, 60, false, 'box'],
  [60, 10, true, 'box'],
] as const)('a drag by %s, %s (shift: %s) zooms %s', (dx, dy, shift, kind) => {
  expect(dragKind(dx, dy, shift)).toBe(kind);
});

test('the value under the pointer stays there', () => {
  const [low, high] = zoomed(scale, 50, 0.5, whole)!;
  const value = scale.invert(50);
  expect(makeScale('linear', low, high, 0, 200).invert(50)).toBeCloseTo(value, 9);
  expect(high - low).toBeCloseTo(10, 9);
});

test('zooming out completely gives the whole extent', () => {
  expect(zoomed(scale, 100, 50, whole)).toBeNull();
});

test('panning stops at the end and keeps the size', () => {
  const [low, high] = panned(scale, -1e4, whole)!;
  expect([low, high]).toEqual([80, 100]);
});

test('dragging to the right moves towards smaller values', () => {
  expect(panned(scale, 50, whole)![0]).toBeCloseTo(15, 9);
});

test('a logarithmic axis zooms by decades', () => {
  const log = makeScale('log', 1, 1e4, 0, 400);
  const [low, high] = zoomed(log, 200, 0.5, [1, 1e4])!;
  expect(low).toBeCloseTo(10, 6);
  expect(high).toBeCloseTo(1000, 6);
});

test('between sorts a backward drag', () => {
  expect(between(scale, 150, 50)).toEqual([25, 35]);
});

import { expect, test } from 'vitest';
import { fitScale, scrollAt, zoomed } from './zoom';

test('an image fits its box; with hard edges a pixel is a whole number of screen px', () => {
  expect(fitScale({ width: 28, height: 28 }, { width: 800, height: 600 }, true)).toBe(21);
  expect(fitScale({ width: 28, height: 28 }, { width: 800, height: 600 }, false)).toBeCloseTo(600 / 28);
  expect(fitScale({ width: 1600, height: 400 }, { width: 800, height: 600 }, true)).toBe(0.5);
  expect(fitScale({ width: 0, height: 0 }, { width: 800, height: 600 }, true)).toBe(1);
});

test('every step of the zoom changes the scale, within limits', () => {
  expect(zoomed(1, 1, true)).toBe(2);
  expect(zoomed(2, -1, true)).toBe(1);
  expect(zoomed(1, -1, true)).toBeCloseTo(0.8);
  expect(zoomed(256, 1, true)).toBe(256);
  expect(zoomed(0.05, -1, false)).toBe(0.05);
  expect(zoomed(2, 1, false)).toBe(2.5);
});

test('the point under the pointer stays there', () => {
  expect(scrollAt(100, 50, 1, 2)).toBe(250);
});

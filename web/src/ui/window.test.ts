import { expect, test } from 'vitest';
import { reveal, sight, TALLEST } from './window';

test('the rows in the box are drawn, and a few on either side', () => {
  expect(sight(0, 100, 10, 1000, 2)).toEqual({ first: 0, last: 12, top: 0, height: 10_000 });
  expect(sight(505, 100, 10, 1000, 2)).toEqual({ first: 48, last: 63, top: 480, height: 10_000 });
});

test('scrolled to the end, the last row is drawn and no row beyond it', () => {
  expect(sight(1e9, 100, 10, 1000, 0)).toMatchObject({ first: 990, last: 1000 });
  expect(sight(0, 100, 10, 3, 5)).toMatchObject({ first: 0, last: 3 });
  expect(sight(0, 100, 10, 0)).toEqual({ first: 0, last: 0, top: 0, height: 0 });
});

test('ten million rows stay within the height that browsers allow, and the last can be reached', () => {
  const n = 10_000_000;
  const end = sight(TALLEST - 600, 600, 19, n, 0);
  expect(end.height).toBe(TALLEST);
  expect(end.last).toBe(n);
  // The rows that are drawn lie where the box is.
  expect(end.top + (end.last - end.first) * 19).toBeCloseTo(TALLEST, 0);
  const middle = sight(TALLEST / 2, 600, 19, n, 0);
  expect(middle.top).toBeGreaterThan(TALLEST / 2 - 20);
  expect(middle.top).toBeLessThanOrEqual(TALLEST / 2);
});

test('a row is revealed with as little scrolling as it takes', () => {
  expect(reveal(5, 0, 100, 10, 1000)).toBe(0);
  expect(reveal(10, 0, 100, 10, 1000)).toBe(10);
  expect(reveal(3, 50, 100, 10, 1000)).toBe(30);
});

test.each([0, 1, 5_000_000, 9_999_999])('row %i of ten million is in sight after it was revealed', (index) => {
  const at = sight(reveal(index, TALLEST / 3, 600, 19, 10_000_000), 600, 19, 10_000_000, 0);
  expect(at.first).toBeLessThanOrEqual(index);
  expect(at.last).toBeGreaterThan(index);
});

import { expect, test } from 'vitest';
import { pathOf } from './sparkline';

test('a curve fills its box from the first to the last point', () => {
  expect(pathOf([10, 20, 30], [1, 3, 2], 100, 20)).toBe('M0 20h0.01L50 0L100 10');
});

test('non-finite values interrupt the line and do not stretch it', () => {
  expect(pathOf([0, 1, 2, 3], [0, NaN, 1, Infinity], 30, 10)).toBe('M0 10h0.01M20 0h0.01');
});

test('equal values are a line at half height', () => {
  expect(pathOf([0, 1], [5, 5], 40, 10)).toBe('M0 5h0.01L40 5');
});

test('without finite values there is no line', () => {
  expect(pathOf([0], [NaN], 40, 10)).toBe('');
  expect(pathOf([], [], 40, 10)).toBe('');
});

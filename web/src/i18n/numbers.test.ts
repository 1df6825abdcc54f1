import { count, duration, extreme, number, setting } from './numbers';
import { expect, test } from 'vitest';
import durations from '../../../tests/data/durations.json';

test.each([
  [20240117, '20,240,117'],
  [-1234567, '−1,234,567'],
  [1234, '1,234'],
  [0, '0'],
  [2 ** 53 - 1, '9,007,199,254,740,991'],
  [9007199254740993n, '9,007,199,254,740,993'],
  [1e16, '1e16'],
  [0.123456, '0.1235'],
  [0.5, '0.5'],
  [Math.fround(0.001), '0.001'],
  [0.50004, '0.5000'],
  [12345.6, '12,346'],
  [1234567.5, '1,234,568'],
  [12345678.9, '1.235e7'],
  [0.00001234, '1.234e−5'],
  [NaN, 'NaN'],
  [-Infinity, '−∞'],
])('a measured number %s is shown as %s', (value, text) => {
  expect(number(value)).toBe(text);
});

test.each([
  [20240117, '20240117'],
  [9007199254740993n, '9007199254740993'],
  [-42, '−42'],
  [0.1, '0.1'],
  [0.30000000000000004, '0.30000000000000004'],
  [0.00001, '1e−5'],
  [1234567.891, '1234567.891'],
  [1e16, '1e16'],
  [NaN, 'NaN'],
  [Infinity, '∞'],
])('a number that somebody set %s is shown with every digit: %s', (value, text) => {
  expect(setting(value)).toBe(text);
});

test('counts have commas', () => {
  expect([count(1000000), count(-5000), count(999)]).toEqual(['1,000,000', '−5,000', '999']);
});

test.each(durations as [number, string][])('%s seconds are shown as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('an unknown duration is not shown', () => {
  expect([duration(NaN), duration(Infinity)]).toEqual(['', '']);
});

test('a series without finite values has no smallest and no largest one', () => {
  expect([extreme(NaN), extreme(-0.25), extreme(1234.56, 5)]).toEqual(['–', '−0.25', '1234.6']);
});

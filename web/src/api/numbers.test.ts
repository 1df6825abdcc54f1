import { expect, test } from 'vitest';
import { isSame, numberOf, parseExact } from './numbers';

test('integers beyond 2^53 are read as bigints, others as numbers', () => {
  expect(numberOf('9007199254740991')).toBe(2 ** 53 - 1);
  expect(numberOf('9007199254740993')).toBe(9007199254740993n);
  expect([numberOf('NaN'), numberOf('-Infinity'), numberOf('0.5')]).toEqual([NaN, -Infinity, 0.5]);
});

test('JSON keeps every digit of integers, and strings that look like them', () => {
  const text = '{"a":[9007199254740993,-9007199254740993,1,0.30000000000000004,1e300],"b":"9007199254740993","c":NaN,"#d":"#1 \\"NaN, 9007199254740993","e":-Infinity}';
  expect(parseExact(text)).toEqual({
    a: [9007199254740993n, -9007199254740993n, 1, 0.30000000000000004, 1e300],
    b: '9007199254740993',
    c: NaN,
    '#d': '#1 "NaN, 9007199254740993',
    e: -Infinity,
  });
});

test('numbers are equal if their values are', () => {
  expect([isSame(NaN, NaN), isSame(2n ** 60n, 2 ** 60), isSame(9007199254740993n, 2 ** 53), isSame('1', 1)]).toEqual([true, true, false, false]);
});

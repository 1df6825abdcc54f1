import { expect, test } from 'vitest';
import { along, stride, union } from './steps';

const steps = Float64Array.of(0, 10, 20, 50);

test('steps of several series become one ascending list without repetition', () => {
  expect([...union([[0, 20, 50], Float64Array.of(0, 10, 20), []])]).toEqual([0, 10, 20, 50]);
});

test('moving stops at the ends', () => {
  expect(along(steps, 10, -5, false)).toBe(0);
  expect(along(steps, 20, 9, false)).toBe(50);
});

test('reaching the end while following means the latest', () => {
  expect(along(steps, 20, 1, true)).toBeNull();
  expect(along(steps, null, -1, true)).toBe(20);
});

test('without steps there is nowhere to go', () => {
  expect(along(new Float64Array(0), 5, 1, false)).toBeNull();
});

test('a long run plays in about twenty seconds, a short one slowly enough to see', () => {
  expect(stride(2000, 20, 1)).toBe(2000);
  expect(stride(8, 1, 1)).toBe(4);
  expect(stride(8, 1, 2)).toBe(8);
});

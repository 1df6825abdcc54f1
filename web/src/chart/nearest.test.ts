import { expect, test } from 'vitest';
import { shownStep } from './nearest';

test.each([
  [null, 3],
  [25, 2],
  [20, 2],
  [5, 0],
  [-5, 0],
  [99, 3],
])('of the steps 0, 10, 20, 30 the wish %s shows number %s', (wish, index) => {
  expect(shownStep([0, 10, 20, 30], wish)).toBe(index);
});

test('without steps no step is shown', () => {
  expect(shownStep([], 5)).toBe(-1);
});

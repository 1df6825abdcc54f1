import { expect, test } from 'vitest';
import { customKind, kindsOf, rowsToShow, shownStep } from './kinds';

const tensor = (layer: string, name: string, quantity: 'value' | 'gradient' | 'activation', stats: ('norm' | 'std')[]) => ({ layer, tensor: name, quantity, stats, histogram: true });

test('only what was watched is offered', () => {
  expect(kindsOf([tensor('a', 'weight', 'gradient', ['norm'])]).map((kind) => kind.name)).toEqual(['flow']);
});

test('biases are left out until they are asked for, unless there is nothing else', () => {
  const rows = [tensor('a', 'weight', 'value', []), tensor('a', 'bias', 'value', []), tensor('b', 'weight_v', 'value', [])];
  expect(rowsToShow(rows, false)).toEqual([0, 2]);
  expect(rowsToShow(rows, true)).toEqual([0, 1, 2]);
  expect(rowsToShow([rows[1]!], false)).toEqual([0]);
});

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

test('without steps there is none to show', () => {
  expect(shownStep([], 5)).toBe(-1);
});

test('any statistic can be asked for by its name', () => {
  expect(customKind('gradient/mean')).toMatchObject({ quantity: 'gradient', stat: 'mean', axis: 'signed' });
  expect(customKind('flow')).toBeNull();
});

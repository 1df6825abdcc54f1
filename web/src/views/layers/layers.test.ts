import { expect, test } from 'vitest';
import { customKind, kindsOf, rowsToShow } from './kinds';

const tensor = (layer: string, name: string, quantity: 'value' | 'gradient' | 'activation', stats: ('norm' | 'std')[]) => ({ layer, tensor: name, quantity, stats, histogram: true });

test('only watched statistics are offered', () => {
  expect(kindsOf([tensor('a', 'weight', 'gradient', ['norm'])]).map((kind) => kind.name)).toEqual(['flow']);
});

test('biases are left out until requested, unless there is nothing else', () => {
  const rows = [tensor('a', 'weight', 'value', []), tensor('a', 'bias', 'value', []), tensor('b', 'weight_v', 'value', [])];
  expect(rowsToShow(rows, false)).toEqual([0, 2]);
  expect(rowsToShow(rows, true)).toEqual([0, 1, 2]);
  expect(rowsToShow([rows[1]!], false)).toEqual([0]);
});

test('any statistic can be selected by its name', () => {
  expect(customKind('gradient/mean')).toMatchObject({ quantity: 'gradient', stat: 'mean', axis: 'signed' });
  expect(customKind('flow')).toBeNull();
});

import { expect, test } from 'vitest';
import type { Environment, Run } from '../../api/schema.gen';
import { bestOf, goalOf, codeRows, configRows, rowOf } from './compare';

test('a value that one run lacks is not a difference', () => {
  expect(rowOf('lr', [0.1, undefined, 0.1])).toMatchObject({ differs: false, marked: [false, false, false] });
  expect(rowOf('lr', [undefined, 0.1])).toMatchObject({ differs: false });
  expect(rowOf('note', ['', 'x'])).toMatchObject({ differs: false });
});

test('values that differ from the most common one are marked', () => {
  expect(rowOf('lr', [0.1, 0.1, 0.2, undefined]).marked).toEqual([false, false, true, false]);
});

test('without a most common value all are marked', () => {
  expect(rowOf('lr', [0.1, 0.2]).marked).toEqual([true, true]);
  expect(rowOf('lr', [1, 1, 2, 2, 3]).marked).toEqual([true, true, true, true, true]);
});

test('NaN equals NaN, and a number does not equal the same text', () => {
  expect(rowOf('lr', [NaN, NaN]).differs).toBe(false);
  expect(rowOf('lr', [1, '1']).differs).toBe(true);
});

test('every key that any run has is a row', () => {
  const runs = [{ config: { b: 1, a: 2 } }, { config: { b: 2, c: 3 } }] as unknown as Run[];
  expect(configRows(runs).map((row) => [row.key, row.differs])).toEqual([['a', false], ['b', true], ['c', false]]);
});

test('uncommitted changes are a difference in the code', () => {
  const one = (git_dirty: boolean) => ({ git_commit: '0123456789abcdef', git_branch: 'main', git_remote: '', git_dirty, packages: { torch: '2.3' } }) as unknown as Environment;
  const [commit, branch] = codeRows([one(true), one(false), undefined], 'changes');
  expect(commit!.values).toEqual(['0123456789 + changes', '0123456789', undefined]);
  expect([commit!.differs, branch!.differs]).toEqual([true, false]);
});

test('the best value is marked where it is known which end is good, and some are worse', () => {
  expect(bestOf([0.2, 0.1, NaN, undefined, 0.1], 'min')).toEqual([false, true, false, false, true]);
  expect(bestOf([0.2, 0.1], 'max')).toEqual([true, false]);
  expect(bestOf([0.2, 0.1], null)).toEqual([false, false]);
  expect(bestOf([0.2, 0.2], 'max')).toEqual([false, false]);
});

test('a last value does not compete with a minimum', () => {
  expect(bestOf([0.3, 0.1, 0.2], 'min', [null, 'min', null])).toEqual([false, false, true]);
  expect(bestOf([0.3, 0.1, 0.2], 'min', [null, 'min', 'min'])).toEqual([false, true, false]);
});

test('what a run says of a key counts more than its name', () => {
  const run = (rules: Run['rules']) => ({ rules }) as Run;
  expect(goalOf([run({}), run({ score: 'min' })], 'score', 'max')).toBe('min');
  expect(goalOf([run({ score: 'last' })], 'score', 'max')).toBe('max');
  expect(goalOf([run({ score: 0.5 })], 'score', null)).toBeNull();
});

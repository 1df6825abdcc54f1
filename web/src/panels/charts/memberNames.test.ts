import { expect, test } from 'vitest';
import { own } from '../../api/own';
import { chartGroupsOf } from './chartGroups';

const NAMES = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

test('groups may have names of object members', () => {
  const keys = NAMES.flatMap((name) => [`${name}/x`, `${name}/y`]).map((key) => ({ key, kind: 'scalar' as const, n_runs: 1, goal: null }));
  const groups = chartGroupsOf(keys, { filter: null, pinned: [], hidden: [], folded: {}, order: {}, together: true, apart: [], own: [] });
  expect(groups.map((group) => group.name).sort()).toEqual([...NAMES].sort());
  expect(groups.every((group) => group.open && group.charts.length === 2)).toBe(true);
});

test('a dictionary has only what it was given', () => {
  for (const name of NAMES) expect(own({}, name)).toBeUndefined();
  expect(own(JSON.parse('{"__proto__": 1}') as Record<string, number>, '__proto__')).toBe(1);
});

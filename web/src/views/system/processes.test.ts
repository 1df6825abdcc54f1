import { expect, test } from 'vitest';
import type { Key } from '../../api/schema.gen';
import { figuresOf, partOf, partsOf } from './processes.svelte';

const keys: Key[] = ['cpu/percent@node-a', 'process/threads@rank 10', 'process/threads@rank 2', 'process/threads@7 on node-a'].map((key) => ({
  key,
  kind: 'system',
  n_runs: 1,
  goal: null,
}));

test('the process of a key is after its @', () => {
  expect(partOf('process/threads@rank 1')).toEqual({ figure: 'process/threads', part: 'rank 1' });
  expect(partOf('cpu/percent')).toEqual({ figure: 'cpu/percent', part: '' });
});

test('a metric of several processes is one chart', () => {
  expect(figuresOf(keys).map((key) => key.key)).toEqual(['cpu/percent', 'process/threads']);
});

test('processes are in natural order', () => {
  expect(partsOf(keys, 'process/threads')).toEqual(['7 on node-a', 'rank 2', 'rank 10']);
  expect(partsOf(keys)).toEqual(['7 on node-a', 'node-a', 'rank 2', 'rank 10']);
});

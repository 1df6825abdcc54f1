import { expect, test } from 'vitest';
import { aligned } from './data';

const rows = (...layers: string[]) => layers.map((layer) => ({ layer, tensor: 'weight', quantity: 'gradient' as const, stats: [], histogram: false }));

test('counts of NaN come into the rows and steps of another matrix', () => {
  const to = { rows: rows('a', 'b', 'c'), steps: Float64Array.of(0, 20), values: new Float32Array(6) };
  const from = { rows: rows('c', 'a'), steps: Float64Array.of(0, 10, 20), values: Float32Array.of(1, 2, 3, 4, 5, 6) };
  expect([...aligned(to, from)]).toEqual([4, 6, 0, 0, 1, 3]);
});

import { expect, test } from 'vitest';
import type { Curves } from '../../api/client';
import { lineName } from '../../chart/readings';
import { pick } from './times';

const [a, b] = [lineName('a', 'loss'), lineName('b', 'loss')];
const info = { key: 'loss', n_logged: 9, revision: 1, ghost: false, n_runs: 1 };
const reply: Curves = {
  series: [
    { ...info, run: 'a', start: 0, x_start: 0, n: 3 },
    { ...info, run: 'a', start: 3, x_start: 3, n: 1, ghost: true },
    { ...info, run: 'b', start: 4, x_start: 0, n: 3 },
  ],
  x: Float64Array.of(10, 20, 30, 20),
  y: Float32Array.of(0.1, 0.2, 0.3, 9, 0.4, 0.5, 0.6),
  time: Float32Array.of(1, 2, 3, 99, 4, 5, NaN),
};

test('every run has the value logged at its own point, even if runs share their x', () => {
  expect([...pick(reply, new Map([[a, 20], [b, 10]]))]).toEqual([
    [a, { value: Math.fround(0.2), time: 2 }],
    [b, { value: Math.fround(0.4), time: 4 }],
  ]);
});

test('keys of one run are distinguished', () => {
  const two = { ...reply, series: [reply.series[0]!, { ...reply.series[2]!, run: 'a', key: 'acc' }] };
  expect(pick(two, new Map([[a, 20], [lineName('a', 'acc'), 10]])).get(lineName('a', 'acc'))!.value).toBe(Math.fround(0.4));
});

test('missing points and unknown times are left out', () => {
  expect([...pick(reply, new Map([[a, 25], [b, 30]]))]).toEqual([[b, { value: Math.fround(0.6), time: undefined }]]);
  expect(pick({ ...reply, time: undefined }, new Map([[a, 20]])).get(a)).toEqual({ value: Math.fround(0.2), time: undefined });
});

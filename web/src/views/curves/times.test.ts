import { expect, test } from 'vitest';
import type { Curves } from '../../api/client';
import { pick } from './times';

const info = { key: 'loss', n_logged: 9, revision: 1, ghost: false, n_runs: 1 };
const reply: Curves = {
  series: [
    { ...info, run: 'a', start: 0, x_start: 0, n: 3 },
    { ...info, run: 'a', start: 3, x_start: 3, n: 1, ghost: true },
    { ...info, run: 'b', start: 4, x_start: 0, n: 3 },
  ],
  x: Float64Array.of(10, 20, 30, 20),
  y: new Float32Array(7),
  time: Float32Array.of(1, 2, 3, 99, 4, 5, NaN),
};

test('every run has the time of its own point, also where runs share their x', () => {
  expect([...pick(reply, new Map([['a', 20], ['b', 10]]))]).toEqual([['a', 2], ['b', 4]]);
});

test('no time is told of a point that is not there, or that nobody knows the time of', () => {
  expect([...pick(reply, new Map([['a', 25], ['b', 30]]))]).toEqual([]);
  expect([...pick({ ...reply, time: undefined }, new Map([['a', 20]]))]).toEqual([]);
});

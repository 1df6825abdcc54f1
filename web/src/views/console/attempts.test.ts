import { expect, test } from 'vitest';
import type { Attempt, ConsoleLine } from '../../api/schema.gen';
import { beginning } from './attempts';

const attempt = (number: number, created: number): Attempt => ({ number, created, updated: created + 5, state: 'finished', fork_step: null, error: '' });
const line = (time: number): ConsoleLine => [time, 'out', 'x', null, 'main'];
const two = [attempt(1, 100), attempt(2, 200)];

test('the first line after an attempt began is its beginning', () => {
  expect(beginning(two, line(105), line(201))?.number).toBe(2);
});

test('lines of one attempt are not separated', () => {
  expect(beginning(two, line(105), line(106))).toBeNull();
  expect(beginning(two, line(201), line(202))).toBeNull();
});

test('a run of one attempt has no separators, nor have lines that are not loaded yet', () => {
  expect(beginning(two.slice(0, 1), line(105), line(201))).toBeNull();
  expect(beginning(two, undefined, line(201))).toBeNull();
});

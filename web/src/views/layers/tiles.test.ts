import { expect, test, vi } from 'vitest';
import { assemble, rowsInSight, TILE, Tiles, tilesOf } from './tiles.svelte';

const tensor = (layer: string) => ({ layer, tensor: 'weight', quantity: 'gradient' as const, stats: [], histogram: false });
const tile = (layers: string[], steps: number[], first: number) => ({
  rows: layers.map(tensor),
  steps: Float64Array.from(steps),
  values: Float32Array.from(layers.flatMap((_, row) => steps.map((_, column) => first + 10 * row + column))),
  nonfinite: Float32Array.from(layers.flatMap(() => steps.map(() => 1))),
});
const LAYERS = Array.from({ length: TILE + 1 }, (_, i) => `l${i}`);
const EACH = LAYERS.map((_, i) => [i]);

test.each([
  [0, 0, 10, [0, 10]],
  [0, 700, 10_000, [0, 64]],
  [14 * 64 - 1, 700, 10_000, [0, 128]],
  [14 * 64, 14 * 64, 10_000, [64, 128]],
  [14 * 64 * 3, 700, 64 * 3, [128, 192]],
  [-50, 700, 10_000, [0, 64]],
  [0, 700, 0, [0, 0]],
])('from %s on %s pixels of %s rows the rows %s are in sight', (top, height, nRows, rows) => {
  expect(rowsInSight(top, height, 14, nRows)).toEqual(rows);
});

test('a folded row needs the tiles of all its tensors', () => {
  expect(tilesOf([3 * TILE, 5, 1, TILE - 1])).toEqual([0, 3]);
});

test('rows between those shown are left out, and a tile that has not arrived is empty', () => {
  const found = assemble(EACH, LAYERS.map(tensor), (number) => (number === 0 ? tile(['l0', 'bias', 'l1'], [0, 1], 0) : null), 'norm');
  expect([...found.steps]).toEqual([0, 1]);
  expect([...found.values.slice(0, 4)]).toEqual([0, 1, 20, 21]);
  expect(found.values.slice(4).every(Number.isNaN)).toBe(true);
  expect([...found.nonfinite.slice(0, 6)]).toEqual([1, 1, 1, 1, 0, 0]);
});

test('a tile from before the run grew keeps its steps', () => {
  const tiles = [tile(['l0'], [0, 10, 20], 0), tile([`l${TILE}`], [0, 20], 7)];
  const found = assemble(EACH, LAYERS.map(tensor), (number) => tiles[number]!, 'norm');
  expect([...found.values.slice(TILE * 3)]).toEqual([7, NaN, 8]);
});

test('a step chosen because of a NaN goes into the right column', () => {
  const tiles = [tile(['l0'], [0, 10, 20], 0), tile([`l${TILE}`], [0, 13, 20], 7)];
  const found = assemble(EACH, LAYERS.map(tensor), (number) => tiles[number]!, 'norm');
  expect([...found.values.slice(TILE * 3)]).toEqual([7, 8, 9]);
});

test.each([
  ['norm', 15],
  ['min', 0],
  ['max', 30],
  ['nonfinite', 60],
] as const)('a row of several tensors shows of their %s %s', (stat, value) => {
  const found = assemble([[0, 1, 2, 3]], ['a', 'b', 'c', 'd'].map(tensor), () => tile(['a', 'b', 'c', 'd'], [0], 0), stat);
  expect([...found.values]).toEqual([value]);
  expect([...found.least, ...found.most, ...found.nonfinite, ...found.broken]).toEqual([0, 30, 4, 1]);
});

test('tiles seen before are kept, and only those in sight are requested again', async () => {
  vi.useFakeTimers();
  const tiles = new Tiles();
  const asked: number[] = [];
  const question = (tile: number) => {
    asked.push(tile);
    return Promise.resolve({ rows: [], steps: Float64Array.of(tile), values: new Float32Array(), nonfinite: new Float32Array() });
  };
  const see = async (subject: string, revision: number, numbers: number[]) => {
    tiles.ask(subject, revision, numbers, question);
    await vi.advanceTimersByTimeAsync(2000);
  };
  await see('norm', 1, [0, 1]);
  await see('norm', 1, [1, 2]);
  expect(asked).toEqual([0, 1, 2]);
  await see('norm', 2, [2]);
  expect(asked).toEqual([0, 1, 2, 2]);
  expect([tiles.get(0)?.steps[0], tiles.get(1)?.steps[0]]).toEqual([0, 1]);
  await see('std', 2, [2]);
  expect([tiles.get(0), tiles.get(2)?.steps[0]]).toEqual([null, 2]);
  vi.useRealTimers();
});

import { expect, test, vi } from 'vitest';
import { assemble, TILE, Tiles, tilesInSight } from './tiles.svelte';

const tensor = (layer: string) => ({ layer, tensor: 'weight', quantity: 'gradient' as const, stats: [], histogram: false });
const tile = (layers: string[], steps: number[], first: number) => ({
  rows: layers.map(tensor),
  steps: Float64Array.from(steps),
  values: Float32Array.from(layers.flatMap((_, row) => steps.map((_, column) => first + 10 * row + column))),
  nonfinite: Float32Array.from(layers.flatMap(() => steps.map(() => 1))),
});

test.each([
  [0, 0, 10, [0, 1]],
  [0, 700, 10_000, [0, 1]],
  [14 * TILE - 1, 700, 10_000, [0, 2]],
  [14 * TILE, 14 * TILE, 10_000, [1, 2]],
  [14 * TILE * 3, 700, TILE * 3, [2, 3]],
  [-50, 700, 10_000, [0, 1]],
  [0, 700, 0, [0, 1]],
])('from %s on %s pixels of %s rows tiles %s are in sight', (top, height, nRows, tiles) => {
  expect(tilesInSight(top, height, 14, nRows)).toEqual(tiles);
});

test('rows between those shown are left out, and a tile that has not arrived is empty', () => {
  const layers = Array.from({ length: TILE + 1 }, (_, i) => `l${i}`);
  const found = assemble(layers.map(tensor), [tile(['l0', 'bias', 'l1'], [0, 1], 0), null]);
  expect([...found.steps]).toEqual([0, 1]);
  expect([...found.values.slice(0, 4)]).toEqual([0, 1, 20, 21]);
  expect(found.values.slice(4).every(Number.isNaN)).toBe(true);
  expect([...found.nonfinite.slice(0, 6)]).toEqual([1, 1, 1, 1, 0, 0]);
});

test('a tile from before the run grew stands at its steps', () => {
  const layers = Array.from({ length: TILE + 1 }, (_, i) => `l${i}`);
  const found = assemble(layers.map(tensor), [tile(['l0'], [0, 10, 20], 0), tile([`l${TILE}`], [0, 20], 7)]);
  expect([...found.values.slice(TILE * 3)]).toEqual([7, NaN, 8]);
});

test('a step that a NaN put in the place of another stands in its column', () => {
  const layers = Array.from({ length: TILE + 1 }, (_, i) => `l${i}`);
  const found = assemble(layers.map(tensor), [tile(['l0'], [0, 10, 20], 0), tile([`l${TILE}`], [0, 13, 20], 7)]);
  expect([...found.values.slice(TILE * 3)]).toEqual([7, 8, 9]);
});

test('tiles that were in sight are kept, and only those in sight are asked for anew', async () => {
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
  expect(tiles.all.map(([number]) => number)).toEqual([0, 1, 2]);
  await see('std', 2, [2]);
  expect([tiles.get(0), tiles.get(2)?.steps[0]]).toEqual([null, 2]);
  vi.useRealTimers();
});

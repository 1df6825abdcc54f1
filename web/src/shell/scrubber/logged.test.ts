import { beforeEach, expect, test, vi } from 'vitest';
import { api } from '../../api/client';
import { spread, stepsOf } from './logged';

/** What was logged: per key and run the steps. */
let logged: Record<string, Record<string, number[]>> = {};

beforeEach(() => {
  vi.restoreAllMocks();
  vi.spyOn(api, 'keys').mockImplementation(async (runs) => ({
    keys: Object.entries(logged).map(([key, of]) => ({ key, kind: 'scalar' as const, n_runs: runs.filter((run) => of[run]).length, goal: null })),
  }));
  vi.spyOn(api, 'series').mockImplementation(async ({ runs, keys }) => {
    const found = keys.flatMap((key) => runs.flatMap((run) => (logged[key]![run] ? [{ key, run, steps: logged[key]![run] }] : [])));
    const series = found.map(({ key, run, steps }) => ({ key, run, n_logged: steps.length }));
    return { series, x: Float64Array.from(found.flatMap((one) => one.steps)) } as unknown as Awaited<ReturnType<typeof api.series>>;
  });
});

test('the steps of all keys count, whatever their names', async () => {
  logged = { a_final: { r: [999] }, 'epoch/acc': { r: [0, 100] }, loss: { r: [0, 1, 2, 3] } };
  expect([...(await stepsOf(['r'], 'series', new AbortController().signal))]).toEqual([0, 1, 2, 3, 100, 999]);
});

test('with very many runs, the key with most points is requested for all', async () => {
  const runs = Array.from({ length: 900 }, (_, i) => `r${i}`);
  logged = { epoch: {}, loss: {} };
  runs.forEach((run, i) => {
    logged['epoch']![run] = [0];
    logged['loss']![run] = [0, i + 1];
  });
  const steps = await stepsOf(runs, 'series', new AbortController().signal);
  expect(steps.length).toBe(901);
  for (const [{ runs: some, keys }] of vi.mocked(api.series).mock.calls) expect(some.length * keys.length).toBeLessThanOrEqual(900);
});

test('without a series there are no steps', async () => {
  logged = {};
  expect((await stepsOf(['r'], 'series', new AbortController().signal)).length).toBe(0);
});

test('a selection is spread evenly over a list', () => {
  expect(spread([0, 1, 2, 3, 4, 5, 6, 7], 3)).toEqual([0, 2, 5]);
  expect(spread(['a'], 3)).toEqual(['a']);
});

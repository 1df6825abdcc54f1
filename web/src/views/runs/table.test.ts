import { expect, test } from 'vitest';
import type { Run } from '../../api/schema.gen';
import { sortRuns } from '../../state/fields';
import { configKeys } from '../../panels/runs/configKeys';
import { choices, curveKey, cursorAfter, defaultColumns, differing, figure, figures, rangeText, rowsOf, sharedValue, toCsv, UNLISTED } from './table';

function run(id: string, config: Run['config'] = {}, loss?: number | 'NaN'): Run {
  const summary: Run['summary'] = loss === undefined ? {} : { loss: [loss, loss, loss, loss] };
  return { id, name: `name ${id}`, state: 'finished', created: 1000, updated: 1060, tags: [], notes: '', archived: false, config, summary, revision: 1, read_bytes: 1, total_bytes: 1, folder: '', step: null, progress: null, rules: {} };
}

const RUNS = [run('a', { lr: 0.1, seed: 1 }, 0.5), run('b', { lr: 0.1, seed: 2 }, 'NaN'), run('c', { lr: 0.01, seed: 1 }, 0.1), run('d', { lr: 0.01 })];

test('groups come before their runs, and folded ones hide them', () => {
  const rows = rowsOf(RUNS, ['config:lr'], new Set());
  expect(rows.map((row) => row.kind)).toEqual(['group', 'run', 'run', 'group', 'run', 'run']);
  expect(rowsOf(RUNS, ['config:lr'], new Set([rows[0]!.id])).map((row) => row.kind)).toEqual(['group', 'group', 'run', 'run']);
});

test('the summary of a group leaves out NaN and missing values', () => {
  expect(figures(RUNS, 'summary:loss')).toEqual({ n: 2, mean: 0.3, min: 0.1, max: 0.5 });
  expect(figures(RUNS, 'config:nothing')).toBeNull();
});

test('the summary of a group is formatted like the cells of its column', () => {
  const seeds = [run('a', { seed: 9007199254740993n }), run('b', { seed: 9007199254740992n }), run('c', { seed: 20240117 })];
  const { min, max } = figures(seeds, 'config:seed')!;
  expect([figure('config:seed', min, 2), figure('config:seed', max, 2)]).toEqual(['20240117', '9007199254740993']);
  expect(figure('config:lr', 0.015, 2)).toBe('0.015');
  expect(figure('summary:tokens', 1234567)).toBe('1,234,567');
  expect(figure('duration', figures(seeds, 'duration')!.mean)).toBe('1 min 00');
});

test('missing values and NaN are sorted last in either direction', () => {
  const order = (descending: boolean) => sortRuns(RUNS, [{ field: 'summary:loss', descending }]).map((r) => r.id);
  expect(order(false)).toEqual(['c', 'a', 'b', 'd']);
  expect(order(true)).toEqual(['a', 'c', 'b', 'd']);
});

test('a second field decides if the first is equal', () => {
  const sorts = [{ field: 'config:lr', descending: false }, { field: 'config:seed', descending: true }];
  expect(sortRuns(RUNS, sorts).map((r) => r.id)).toEqual(['c', 'd', 'b', 'a']);
});

test('a config key that some runs lack is a difference', () => {
  const same = [run('a', { x: 1, y: 2 }), run('b', { x: 1 })];
  expect(differing(['config:x', 'config:y', 'state'], configKeys(same))).toEqual(['config:y', 'state']);
});

test('losses and scores are shown before learning rates and timings', () => {
  const keys = ['lr', 'time/step_s', 'val/acc', 'loss'].map((key) => ({ key, kind: 'scalar' as const, n_runs: 4, goal: null }));
  const shown = defaultColumns(keys, configKeys(RUNS));
  expect(shown).toContain('summary:loss');
  expect(shown).toContain('summary:val/acc');
  expect(shown).not.toContain('summary:lr');
});

test('the shown runs that do not match the filter are the last rows, folded or not', () => {
  const [listed, unlisted] = [RUNS.slice(0, 2), RUNS.slice(2)];
  expect(rowsOf(listed, [], new Set([UNLISTED]), unlisted).map((row) => row.id)).toEqual(['a', 'b', UNLISTED]);
  expect(rowsOf(listed, [], new Set(), unlisted).map((row) => row.id)).toEqual(['a', 'b', UNLISTED, 'c', 'd']);
  expect(rowsOf(listed, [], new Set(), []).map((row) => row.id)).toEqual(['a', 'b']);
});

test('a range has as many digits as there is room for', () => {
  const sum = { n: 3, mean: 0.3, min: 0.20312, max: 0.56271 };
  expect(rangeText('summary:loss', sum, 20)).toBe('0.2031 – 0.5627');
  expect(rangeText('summary:loss', sum, 13)).toBe('0.203 – 0.563');
  expect(rangeText('summary:loss', sum, 3)).toBe('0.2 – 0.6');
  expect(rangeText('summary:loss', { ...sum, max: sum.min }, 20)).toBe('0.2031');
});

test('a group shows what its runs share', () => {
  expect(sharedValue(RUNS.slice(0, 2), 'config:lr')).toBe(0.1);
  expect(sharedValue(RUNS, 'config:lr')).toBeNull();
  expect(sharedValue(RUNS, 'config:other')).toBeUndefined();
});

test('config that differs is offered first', () => {
  expect(choices([], new Map([['b', { differs: false }], ['c', { differs: true }], ['a', { differs: false }]])).config).toEqual(['config:c', 'config:a', 'config:b']);
});

test('a CSV quotes what would break it and keeps every digit', () => {
  const odd = run('a', { note: 'say "hi",\nthen go', lr: 0.1 + 0.2 });
  const lines = toCsv([odd], ['config:note', 'config:lr'], (field) => field);
  expect(lines).toBe('id,name,config:note,config:lr\r\na,name a,"say ""hi"",\nthen go",0.30000000000000004\r\n');
});

test('a run without a time is last in either direction, and its cells are empty', () => {
  const unknown = { ...run('?'), created: 0, updated: 0 };
  for (const field of ['created', 'updated', 'duration'])
    for (const descending of [false, true]) expect(sortRuns([unknown, run('a')], [{ field, descending }]).map(({ id }) => id)).toEqual(['a', '?']);
  expect(toCsv([unknown], ['created', 'updated', 'duration'], (field) => field)).toBe('id,name,created,updated,duration\r\n?,name ?,,,\r\n');
});

test('a run without the main metric has the curve of its own one, in the column of the main metric only', () => {
  const run = { summary: { score: [1, 0, 1, 1] } } as unknown as Run;
  expect(curveKey(run, 'loss', ['loss', 'acc', 'score'])).toBe('score');
  expect(curveKey(run, 'acc', ['loss', 'acc', 'score'])).toBe('acc');
  expect(curveKey({ summary: {} }, 'loss', ['loss', 'acc'])).toBe('loss');
});

test('Home and End lead to the ends of the table with or without a cursor', () => {
  for (const at of [-1, 0, 3, 9]) {
    expect(cursorAfter(at, -Infinity, 10)).toBe(0);
    expect(cursorAfter(at, Infinity, 10)).toBe(9);
  }
  expect(cursorAfter(-1, 1, 10)).toBe(0);
  expect(cursorAfter(-1, -1, 10)).toBe(9);
  expect(cursorAfter(8, 20, 10)).toBe(9);
});

import { describe, expect, test } from 'vitest';
import { chartOf } from './charts';
import { itemsIn, layOut } from './layout';
import { batches, columnsFor, split, type Want } from './loader';
import { HANDMADE, keyFilter, PINNED, chartGroupsOf, type Arrangement, type ChartGroup } from './chartGroups';
import { moved } from '../../ui/moved';

const plain: Arrangement = { filter: null, pinned: [], hidden: [], folded: {}, order: {}, together: false, apart: [], own: [] };
const keys = (...names: string[]) => names.map((key) => ({ key, kind: 'scalar' as const, n_runs: 1, goal: null }));

const ids = (group: ChartGroup) => group.charts.map((chart) => chart.id);

describe('groups', () => {
  test('keys are grouped by the part before their first slash', () => {
    const groups = chartGroupsOf(keys('val/acc', 'loss', 'val/a/b'), plain);
    expect(groups.map((s) => [s.name, ids(s)])).toEqual([['', ['loss']], ['val', ['val/a/b', 'val/acc']]]);
  });

  test('a chart that would be alone in its group joins those without one', () => {
    const groups = chartGroupsOf(keys('grad/norm', 'loss', 'a/x', 'a/y'), plain);
    expect(groups.map((s) => [s.name, ids(s)])).toEqual([['', ['grad/norm', 'loss']], ['a', ['a/x', 'a/y']]]);
    expect(chartGroupsOf(keys('a/x', 'b/y', 'b/z'), plain).map((s) => s.name)).toEqual(['a', 'b']);
    expect(chartGroupsOf(keys('a/x', 'b/y'), plain).map((s) => [s.name, ids(s)])).toEqual([['', ['a/x', 'b/y']]]);
  });

  test('charts of several splits are of the group of their metric', () => {
    const groups = chartGroupsOf(keys('train/loss', 'train/head/loss', 'val/head/loss', 'val/head/acc', 'train/head/acc', 'val/loss', 'lr'), { ...plain, together: true });
    expect(groups.map((s) => [s.name, s.charts.map((chart) => chart.name)])).toEqual([['', ['loss', 'lr']], ['head', ['head/acc', 'head/loss']]]);
  });

  test('handmade charts come before all others, as long as a shown run has one of their keys', () => {
    const own = [{ n: 1, name: 'both', keys: ['loss', 'acc'] }, { n: 2, name: 'gone', keys: ['nothing'] }];
    const groups = chartGroupsOf(keys('acc', 'loss'), { ...plain, own });
    expect(groups.map((s) => [s.name, s.charts.map((chart) => chart.name)])).toEqual([[HANDMADE, ['both']], ['', ['acc', 'loss']]]);
  });

  test('a pinned key is found in the chart that it shares', () => {
    expect(chartGroupsOf(keys('train/loss', 'val/loss', 'lr'), { ...plain, together: true, pinned: ['val/loss', 'train/loss'] })[0]!.charts.map((c) => c.name)).toEqual(['loss']);
  });

  test('a key that begins with a slash has no prefix', () => {
    expect(chartGroupsOf(keys('/odd'), plain)[0]!.name).toBe('');
  });

  test('pinned keys come first and stay in their group', () => {
    const groups = chartGroupsOf(keys('a', 'b', 'c'), { ...plain, pinned: ['c', 'gone'] });
    expect(groups.map((s) => [s.name, ids(s)])).toEqual([[PINNED, ['c']], ['', ['a', 'b', 'c']]]);
  });

  test('hidden and filtered keys are left out', () => {
    const groups = chartGroupsOf(keys('loss', 'LOSS2', 'acc', 'lr'), { ...plain, hidden: ['loss'], filter: keyFilter('loss|lr') });
    expect(ids(groups[0]!)).toEqual(['LOSS2', 'lr'].toSorted((a, b) => a.localeCompare(b)));
  });

  test('numbers in keys are sorted as numbers', () => {
    expect(ids(chartGroupsOf(keys('l10', 'l9'), plain)[0]!)).toEqual(['l9', 'l10']);
  });

  test('what was set, such as a learning rate, comes after what was measured', () => {
    expect(ids(chartGroupsOf(keys('epoch', 'loss', 'lr', 'acc'), plain)[0]!)).toEqual(['acc', 'loss', 'epoch', 'lr']);
  });

  test('an order given by hand is kept, new keys follow by name', () => {
    const groups = chartGroupsOf(keys('a', 'b', 'c', 'd'), { ...plain, order: { '': ['d', 'b'] } });
    expect(ids(groups[0]!)).toEqual(['d', 'b', 'a', 'c']);
  });

  test('of ten thousand keys only the first group begins open', () => {
    const many = keys(...Array.from({ length: 10_000 }, (_, i) => `g${i % 100}/k${i}`));
    const groups = chartGroupsOf(many, plain);
    expect(groups.filter((s) => s.open)).toHaveLength(1);
    expect(chartGroupsOf(many, { ...plain, folded: { g0: true, g7: false } }).filter((s) => s.open).map((s) => s.name)).toContain('g7');
  });

  test('an unfinished regular expression is none', () => {
    expect(keyFilter('los(')).toBeNull();
    expect(keyFilter('^loss$')!.test('Loss')).toBe(true);
  });

  test('moving a key puts it where the target was', () => {
    expect(moved(['a', 'b', 'c', 'd'], 'a', 'c')).toEqual(['b', 'c', 'a', 'd']);
    expect(moved(['a', 'b', 'c', 'd'], 'd', 'b')).toEqual(['a', 'd', 'b', 'c']);
    expect(moved(['a', 'b'], 'x', 'b')).toEqual(['a', 'b']);
  });
});

describe('layout', () => {
  const group = (name: string, n: number, open = true) => ({ name, charts: Array.from({ length: n }, (_, i) => chartOf(`${name}${i}`)), open });
  const measures = { width: 1600, height: 900, columns: null, gap: 10, head: 30, space: 10 };
  const columns = (...n: number[]) => layOut(n.map((one, i) => group(`s${i}`, one)), measures).groups.map((placed) => placed.columns);

  test('there are as many columns as are wide enough, three at most', () => {
    expect([390, 952, 1592, 3000].map((width) => layOut([group('a', 12)], { ...measures, width }).groups[0]!.columns)).toEqual([1, 2, 3, 3]);
  });

  test('cards fill the row, also where they are few', () => {
    expect(columns(1, 2, 3, 4, 5, 12)).toEqual([1, 2, 3, 2, 3, 3]);
    for (const { columns: n, cardWidth } of layOut([group('a', 1), group('b', 2), group('c', 9)], measures).groups) {
      expect(n * (cardWidth + 10) - 10).toBeGreaterThan(1596);
      expect(n * (cardWidth + 10) - 10).toBeLessThanOrEqual(1600);
    }
  });

  test('few cards are high enough to fill the page, and not higher', () => {
    for (const n of [1, 2, 4]) {
      const { height } = layOut([group('a', n)], measures);
      expect(height).toBeLessThanOrEqual(900);
      expect(height).toBeGreaterThan(500);
    }
  });

  test('a wished number of columns is kept while cards can be read', () => {
    expect(layOut([group('a', 2)], { ...measures, columns: 4 }).groups[0]).toMatchObject({ columns: 4, cardWidth: 392 });
    expect(layOut([group('a', 2)], { ...measures, columns: 4, width: 500 }).groups[0]!.columns).toBe(2);
  });

  test('what is in sight is what a look at every card finds', () => {
    const layout = layOut([group('a', 7), group('b', 5, false), group('c', 100)], measures);
    const all = itemsIn(layout, -1, layout.height, 10);
    expect(all).toHaveLength(107);
    const [from, to] = [500, 1100];
    const slow = all.filter((item) => item.top + layout.cardHeight >= from && item.top <= to).map((item) => item.chart.id);
    const fast = itemsIn(layout, from, to, 10).map((item) => item.chart.id);
    expect(fast).toEqual(expect.arrayContaining(slow));
    expect(fast.length).toBeLessThanOrEqual(slow.length + 2 * 3);
  });

  test('of ten thousand cards a screenful is drawn', () => {
    const layout = layOut([group('a', 10_000)], measures);
    expect(itemsIn(layout, 200_000, 200_800, 10).length).toBeLessThan(20);
  });
});

describe('requests', () => {
  const want = (key: string, more: Partial<Want> = {}): { want: Want } => ({
    want: { runs: ['r1', 'r2'], key, x: 'step', px: 400, kind: 'scalar', window: null, smooth: 0, logged: true, ...more },
  });

  test('cards that want the same runs share a request', () => {
    const groups = batches([want('a'), want('b'), want('c', { x: 'time' }), want('d', { window: [0, 1] })]);
    expect(groups.map((group) => group.map((one) => one.want.key))).toEqual([['a', 'b'], ['c'], ['d']]);
  });

  test('a request holds no more series than it may, but at least one key', () => {
    expect(batches([want('a'), want('b'), want('c')], 4).map((group) => group.length)).toEqual([2, 1]);
    expect(batches([want('a'), want('b')], 1).map((group) => group.length)).toEqual([1, 1]);
  });

  test('with more lines, fewer columns are requested for each', () => {
    expect(columnsFor(360, 1)).toBe(350);
    expect(columnsFor(360, 40)).toBe(200);
    expect(columnsFor(360, 100)).toBe(100);
    expect(columnsFor(1200, 100)).toBe(300);
    expect(columnsFor(360, 1000)).toBe(100);
    expect(columnsFor(530, 2000)).toBe(50);
    expect(columnsFor(1800, 10)).toBe(1750);
  });

  test('a reply is split by key and run, ghosts beside their series', () => {
    const info = (run: string, key: string, start: number, x_start: number, n: number, ghost = false) => ({ run, key, start, x_start, n, n_logged: n, ghost, revision: 1, n_runs: 1 });
    const reply = {
      series: [info('r1', 'a', 0, 0, 2), info('r1', 'a', 2, 2, 1, true), info('r2', 'b', 3, 0, 2)],
      x: Float64Array.of(0, 1, 5),
      y: Float32Array.of(10, 11, 12, 13, 14),
    };
    const byKey = split(reply);
    expect(byKey.get('a')!.get('r1')!.map((line) => [[...line.y], line.ghost])).toEqual([[[10, 11], false], [[12], true]]);
    expect([...byKey.get('b')!.get('r2')![0]!.y]).toEqual([13, 14]);
    expect([...byKey.get('b')!.get('r2')![0]!.x]).toEqual([0, 1]);
  });
});

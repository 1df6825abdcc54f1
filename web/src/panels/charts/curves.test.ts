import { describe, expect, test } from 'vitest';
import { itemsIn, layOut } from './layout';
import { batches, columnsFor, split, type Want } from './loader';
import { keyFilter, moved, PINNED, sectionsOf, type Arrangement } from './sections';

const plain: Arrangement = { filter: null, pinned: [], hidden: [], folded: {}, order: {} };
const keys = (...names: string[]) => names.map((key) => ({ key, kind: 'scalar' as const, n_runs: 1 }));

describe('sections', () => {
  test('keys are grouped by what stands before their first slash', () => {
    const sections = sectionsOf(keys('val/acc', 'loss', 'train/loss', 'val/a/b'), plain);
    expect(sections.map((s) => [s.name, s.keys])).toEqual([
      ['', ['loss']],
      ['train', ['train/loss']],
      ['val', ['val/a/b', 'val/acc']],
    ]);
  });

  test('a key that begins with a slash has no prefix', () => {
    expect(sectionsOf(keys('/odd'), plain)[0]!.name).toBe('');
  });

  test('pinned keys come first and stay in their section', () => {
    const sections = sectionsOf(keys('a', 'b', 'c'), { ...plain, pinned: ['c', 'gone'] });
    expect(sections.map((s) => [s.name, s.keys])).toEqual([[PINNED, ['c']], ['', ['a', 'b', 'c']]]);
  });

  test('hidden and filtered keys are left out', () => {
    const sections = sectionsOf(keys('loss', 'LOSS2', 'acc', 'lr'), { ...plain, hidden: ['loss'], filter: keyFilter('loss|lr') });
    expect(sections[0]!.keys).toEqual(['LOSS2', 'lr'].toSorted((a, b) => a.localeCompare(b)));
  });

  test('numbers in keys are sorted as numbers', () => {
    expect(sectionsOf(keys('l10', 'l9'), plain)[0]!.keys).toEqual(['l9', 'l10']);
  });

  test('an order given by hand is kept, new keys follow by name', () => {
    const sections = sectionsOf(keys('a', 'b', 'c', 'd'), { ...plain, order: { '': ['d', 'b'] } });
    expect(sections[0]!.keys).toEqual(['d', 'b', 'a', 'c']);
  });

  test('of ten thousand keys only the first section begins open', () => {
    const many = keys(...Array.from({ length: 10_000 }, (_, i) => `g${i % 100}/k${i}`));
    const sections = sectionsOf(many, plain);
    expect(sections.filter((s) => s.open)).toHaveLength(1);
    expect(sectionsOf(many, { ...plain, folded: { g0: true, g7: false } }).filter((s) => s.open).map((s) => s.name)).toContain('g7');
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
  const section = (name: string, n: number, open = true) => ({ name, keys: Array.from({ length: n }, (_, i) => `${name}${i}`), open });
  const measures = { width: 1000, card: 300, gap: 10, head: 30, space: 10 };

  test('cards fill the row', () => {
    const layout = layOut([section('a', 4)], measures);
    expect(layout.columns).toBe(3);
    expect(layout.cardWidth * 3 + 20).toBeLessThanOrEqual(1000);
    expect(layout.cardWidth * 3 + 20).toBeGreaterThan(996);
  });

  test('on a narrow page there is one column', () => {
    expect(layOut([section('a', 4)], { ...measures, width: 200 })).toMatchObject({ columns: 1, cardWidth: 200 });
  });

  test('what is in sight is what a look at every card finds', () => {
    const layout = layOut([section('a', 7), section('b', 5, false), section('c', 100)], measures);
    const all = itemsIn(layout, -1, layout.height, 10);
    expect(all).toHaveLength(107);
    const [from, to] = [500, 1100];
    const slow = all.filter((item) => item.top + layout.cardHeight >= from && item.top <= to).map((item) => item.key);
    const fast = itemsIn(layout, from, to, 10).map((item) => item.key);
    expect(fast).toEqual(expect.arrayContaining(slow));
    expect(fast.length).toBeLessThanOrEqual(slow.length + 2 * layout.columns);
  });

  test('of ten thousand cards a screenful is drawn', () => {
    const layout = layOut([section('a', 10_000)], measures);
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

  test('more runs ask for fewer columns each', () => {
    expect(columnsFor(360, 1)).toBe(350);
    expect(columnsFor(360, 40)).toBe(200);
    expect(columnsFor(360, 100)).toBe(100);
    expect(columnsFor(1200, 100)).toBe(300);
    expect(columnsFor(360, 1000)).toBe(100);
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

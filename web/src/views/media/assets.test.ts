import { expect, test } from 'vitest';
import type { Asset, AssetKind } from '../../api/schema.gen';
import { at, keyGroupsOf, shelves } from './assets';

function asset(key: string, step: number, item: number | null = null, time = step): Asset {
  return { key, kind: 'image', step, time, blob: `${key}${step}${item}`, bytes: 1, text: '', shape: [1, 1, 1], item, markdown: false };
}

test('a list logged at a step is one entry, in its order', () => {
  const list = [11, 10, 2, 1, 0].map((item) => asset('g', 3, item));
  const [shelf] = shelves(new Map([['r', [...list, asset('g', 4, 0), asset('g', 4, 1)]]]));
  expect(shelf!.steps).toEqual([3, 4]);
  expect(shelf!.byRun.get('r')!.map((logged) => logged.items.map((one) => one.item))).toEqual([[0, 1, 2, 10, 11], [0, 1]]);
});

test('single assets are separate entries', () => {
  const [shelf] = shelves(new Map([['r', [asset('g', 1), asset('g', 2), asset('g', 2, null, 3)]]]));
  expect(shelf!.byRun.get('r')!.map((logged) => logged.items.length)).toEqual([1, 1, 1]);
});

test('at a step the latest entry up to it is shown, even a shorter list', () => {
  const [shelf] = shelves(new Map([['r', [asset('g', 1, 0), asset('g', 1, 1), asset('g', 5, 0)]]]));
  const list = shelf!.byRun.get('r')!;
  expect(at(list, 0)).toBeNull();
  expect(at(list, 4)!.items).toHaveLength(2);
  expect(at(list, 9)!.items).toHaveLength(1);
  expect(at(list, null)!.step).toBe(5);
});

test('keys are in natural order', () => {
  const keys = shelves(new Map([['r', ['s/10', 's/2', 's/1', 'a'].map((key) => asset(key, 0))]])).map((shelf) => shelf.key);
  expect(keys).toEqual(['a', 's/1', 's/2', 's/10']);
});

test('keys are grouped by prefix, images first; a key that is alone with its prefix joins those without one', () => {
  const kinds: [string, AssetKind][] = [['audio/a', 'audio'], ['audio/b', 'audio'], ['val/report', 'text'], ['val/samples', 'image'], ['val/a', 'table'], ['note', 'text'], ['one/x', 'text']];
  const groups = keyGroupsOf(shelves(new Map([['r', kinds.map(([key, kind]) => ({ ...asset(key, 0), kind }))]])));
  expect(groups.map(({ name, shelves: list }) => [name, ...list.map((shelf) => shelf.key)])).toEqual([
    ['val', 'val/samples', 'val/report', 'val/a'],
    ['audio', 'audio/a', 'audio/b'],
    ['', 'note', 'one/x'],
  ]);
});

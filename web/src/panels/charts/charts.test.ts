import { expect, test } from 'vitest';
import { chartOf, chartOfOwn, chartsOf, labelsOf, ownOf, ownText, titleOf } from './charts';

const drawn = (keys: string[], apart: string[] = []) => chartsOf(keys, true, apart).map((chart) => chart.keys);

test.each([
  [['train/loss', 'val/loss', 'lr']],
  [['train_loss', 'val_loss', 'lr']],
  [['loss/train', 'loss/val', 'lr']],
  [['loss', 'val_loss', 'lr']],
  [['Train/loss', 'Validation/loss', 'lr']],
])('training and validation of one metric share a chart, training first: %s', (keys) => {
  expect(drawn(keys)).toEqual([keys.slice(0, 2), ['lr']]);
  expect(drawn(keys.toReversed())).toEqual([['lr'], keys.slice(0, 2)]);
});

test('keys that only end alike, and single ones, have their own charts', () => {
  expect(drawn(['actor/loss', 'critic/loss', 'val/f1', 'train', 'test'])).toEqual([['actor/loss'], ['critic/loss'], ['val/f1'], ['train'], ['test']]);
});

test('each key can have its own chart, for all metrics or for one', () => {
  const keys = ['train/loss', 'val/loss', 'train/acc', 'val/acc'];
  expect(chartsOf(keys, false).map((chart) => chart.keys)).toEqual(keys.map((key) => [key]));
  expect(drawn(keys, ['loss'])).toEqual([['train/loss'], ['val/loss'], ['train/acc', 'val/acc']]);
});

test('labels distinguish the keys of a chart', () => {
  expect(labelsOf(chartsOf(['train/loss', 'val/loss'], true)[0]!)).toEqual(['train', 'val']);
  expect(labelsOf(chartsOf(['loss', 'val_loss'], true)[0]!)).toEqual(['loss', 'val']);
  expect(labelsOf({ id: 'x', name: '', keys: ['net/a/norm', 'net/b/norm'] })).toEqual(['a/norm', 'b/norm']);
  expect(labelsOf({ id: 'x', name: '', keys: ['loss', 'net/loss'] })).toEqual(['loss', 'net/loss']);
  expect(labelsOf({ id: 'x', name: 'loss', keys: ['train/loss', 'train_loss'] })).toEqual(['train/loss', 'train_loss']);
  expect(titleOf(chartOf('net/a'))).toBe('net/a');
  expect(titleOf(chartOfOwn({ n: 1, name: '', keys: ['net/a', 'net/b'] }))).toBe('a, b');
});

test('handmade charts are read from a link, and nonsense is ignored', () => {
  const charts = [{ n: 1, name: 'a "b"', keys: ['train/loss', 'x,y'] }, { n: 3, name: '', keys: ['lr'] }];
  expect(ownOf(ownText(charts))).toEqual(charts);
  expect(ownText([])).toBe('');
  for (const text of ['', '{', '3', '[3]', '[["1","a","b"]]', '[[1,"a"]]', '[[1,"a",2]]']) expect(ownOf(text)).toEqual([]);
});

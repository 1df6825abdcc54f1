import { expect, test } from 'vitest';
import { isSetting, isStepwise, looksOf, looksText } from './looks';

test('settings of a chart are read from a link', () => {
  const looks = { 'train/loss': { logY: true, smooth: 0.9, low: 0, high: 2.5 }, lr: { x: 'time', outliers: false }, as_page: {} };
  expect({ ...looksOf(looksText(looks)) }).toEqual({ 'train/loss': looks['train/loss'], lr: looks.lr });
  expect(looksText({})).toBe('');
  expect(looksText({ a: {} })).toBe('');
});

test('invalid settings are ignored', () => {
  for (const text of ['', '{', '3', '[3]', '[["a"]]', '[["a",null]]']) expect({ ...looksOf(text) }).toEqual({});
  expect({ ...looksOf('[["__proto__",{"logY":true,"low":"1","colour":3}]]') }).toHaveProperty('__proto__', { logY: true });
});

test.each(['lr', 'train/lr', 'lr-Adam', 'lr/group_0', 'learning_rate', 'optim/learning-rate', 'base_lr', 'epoch', 'train/epoch', 'global_step', 'trainer/global_step', 'iteration', 'momentum', 'weight_decay'])(
  '%s is set and not smoothed',
  (key) => expect(isSetting(key)).toBe(true),
);

test.each(['loss', 'train/loss', 'epoch/loss', 'lrelu/zeros', 'step_s', 'time/step_s', 'blur', 'loss_per_epoch', 'steps_per_second'])('%s is measured', (key) => expect(isSetting(key)).toBe(false));

test('a schedule is a staircase, a metric is not', () => {
  const series = (of: (i: number) => number) => Float32Array.from({ length: 300 }, (_, i) => of(i));
  expect(isStepwise(series((i) => 0.1 ** Math.floor(i / 100)))).toBe(true);
  expect(isStepwise(series(() => 3))).toBe(true);
  expect(isStepwise(series(() => NaN))).toBe(true);
  expect(isStepwise(series((i) => Math.exp(-i / 50)))).toBe(false);
  expect(isStepwise(Float32Array.of(1, 1, 1))).toBe(false);
});

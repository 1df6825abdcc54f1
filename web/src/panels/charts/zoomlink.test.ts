import { expect, test } from 'vitest';
import { windowOf, windowText, zoomsOf, zoomsText } from './zoomlink';

test.each([
  [0, 1],
  [-3.25, 1e-9],
  [1_700_000_000.25, 1_700_000_003.5],
  [9_007_199_254_740_000, 9_007_199_254_740_991],
  [1e-300, 3e-300],
])('a window from %s to %s survives a link to a thousandth of its size', (low, high) => {
  const [from, to] = windowOf(windowText([low, high])!)!;
  expect(Math.abs(from - low)).toBeLessThan((high - low) / 1000);
  expect(Math.abs(to - high)).toBeLessThan((high - low) / 1000);
});

test('round edges are short in a link', () => {
  expect(windowText([100, 250.123456789])).toBe('100..250.12');
});

test.each(['', '5', '1..', '..2', '2..1', 'a..b', '1..2..3', '0..Infinity', undefined])('%s is no window', (text) => {
  expect(windowOf(text)).toBeNull();
});

test('windows of single cards survive a link, whatever their keys are', () => {
  const zooms = { 'a/"b",[c]&=#': { x: null, y: [0.5, 1] as const }, __proto__x: { x: [1, 2] as const, y: null } };
  expect({ ...zoomsOf(zoomsText(zooms)!) }).toEqual(zooms);
  expect(zoomsText({ loss: { x: null, y: null }, acc: {} })).toBeNull();
});

test.each(['{', '7', '{"loss":1}', '[["loss"]]', '[[1,2,3]]', undefined])('%s zooms no card', (text) => {
  expect({ ...zoomsOf(text) }).toEqual({});
});

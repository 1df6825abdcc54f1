import { expect, test } from 'vitest';
import { outline, pathOf, playerTime } from './waveform';

test('the outline has the lowest and the highest sample of each part, over all channels', () => {
  const left = Float32Array.of(0, 0.5, -0.25, 0);
  const right = Float32Array.of(-1, 0, 0, 0.75);
  expect([...outline([left, right], 2)]).toEqual([-1, 0.5, -0.25, 0.75]);
});

test('a sound shorter than its outline, or empty, has an outline too', () => {
  expect(outline([Float32Array.of(0.5)], 100)).toHaveLength(2);
  expect([...outline([], 100)]).toEqual([0, 0]);
});

test('silence is a thin line in the middle', () => {
  expect(pathOf(Float32Array.of(0, 0))).toBe('M0,0.990 1,0.990 1,1.010 0,1.010z');
});

test('times are formatted as in a player', () => {
  expect([0, 4.26, 64.5, 3600].map(playerTime)).toEqual(['0:00.0', '0:04.2', '1:04.5', '60:00.0']);
  expect(playerTime(NaN)).toBe('0:00.0');
});

import { expect, test } from 'vitest';
import { barsScale, heatScale } from './heatScale';

const range = (least: number, low: number, high: number, most: number, small: number | null = low) => ({ least, low, high, most, small });
const ends = (of: ReturnType<typeof heatScale>) => [of.scale.kind, of.scale.low, of.scale.high, of.isDiverging];

test('values over several decades get a logarithmic scale', () => {
  expect(ends(heatScale({ axis: 'log' }, range(0, 1e-7, 30, 1e9)))).toEqual(['log', 1e-7, 30, false]);
});

test('values that are all about 1e-12 use all colours', () => {
  const { scale } = heatScale({ axis: 'log' }, range(0.9e-12, 1e-12, 4e-12, 5e-12));
  expect([scale.at(1e-12), scale.at(4e-12)].map((share) => share.toFixed(3))).toEqual(['0.000', '1.000']);
  expect(ends(heatScale({ axis: 'log', guide: 1e-3 }, range(0.9e-12, 1e-12, 4e-12, 5e-12)))).toEqual(['log', 1e-12, 4e-12, false]);
});

test('values around their guide have it in the middle of the colours', () => {
  const { scale, isDiverging } = heatScale({ axis: 'log', guide: 1e-3 }, range(1e-5, 1e-4, 0.1, 1));
  expect(isDiverging).toBe(true);
  expect([scale.low, scale.high, scale.at(1e-3)].map((value) => Number(value.toPrecision(6)))).toEqual([1e-5, 0.1, 0.5]);
});

test('signed values have zero in the middle, unless all are far from it', () => {
  expect(ends(heatScale({ axis: 'signed' }, range(-3, -1, 2, 5, 0.1)))).toEqual(['linear', -2, 2, true]);
  expect(ends(heatScale({ axis: 'signed' }, range(-3, -1, 2, 5, 1e-9)))).toEqual(['symlog', -2, 2, true]);
  expect(ends(heatScale({ axis: 'signed' }, range(0.9, 0.98, 1.02, 1.1)))).toEqual(['linear', 0.98, 1.02, false]);
});

test('fractions start at zero, unless that left them few colours', () => {
  expect(ends(heatScale({ axis: 'share' }, range(0, 0.01, 0.3, 1)))).toEqual(['linear', 0, 0.3, false]);
  expect(ends(heatScale({ axis: 'share' }, range(0.4, 0.45, 0.55, 0.6)))).toEqual(['linear', 0.45, 0.55, false]);
});

test('a single value, only zeros and no values have a scale', () => {
  expect(ends(heatScale({ axis: 'log' }, range(4, 4, 4, 4)))).toEqual(['linear', 2, 6, false]);
  expect(ends(heatScale({ axis: 'log' }, range(0, 0, 0, 0, null)))).toEqual(['linear', 0, 1, false]);
  const nothing = { least: null, low: null, high: null, most: null, small: null };
  for (const axis of ['log', 'linear', 'share', 'signed'] as const) {
    expect(ends(heatScale({ axis }, nothing))).toEqual(['linear', 0, 1, false]);
    expect(barsScale({ axis }, nothing).at(1)).not.toBeNaN();
  }
});

test('bars extend to the largest value', () => {
  expect([barsScale({ axis: 'log' }, range(0, 1e-3, 1, 500)).low, barsScale({ axis: 'log' }, range(0, 1e-3, 1, 500)).high]).toEqual([1e-3, 1000]);
});

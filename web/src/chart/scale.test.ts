import { describe, expect, test } from 'vitest';
import { durationTicks, linearTicks, makeScale, niceStep, pad } from './scale';
import { exactDuration, number, thousands, tickText } from '../i18n/numbers';

describe.each(['linear', 'log', 'symlog', 'time'] as const)('a %s scale', (kind) => {
  const scale = makeScale(kind, 0.02, 750, 300, 10);

  test('puts its ends at the ends', () => {
    expect(scale.at(0.02)).toBeCloseTo(300, 9);
    expect(scale.at(750)).toBeCloseTo(10, 9);
  });

  test('inverts what it maps', () => {
    for (const value of [0.02, 0.5, 1, 33, 749]) expect(scale.invert(scale.at(value))).toBeCloseTo(value, 8);
  });

  test('keeps its ticks inside, ascending and with different labels', () => {
    const ticks = scale.ticks(6);
    expect(ticks.length).toBeGreaterThan(1);
    for (const tick of ticks) {
      expect(tick.value).toBeGreaterThanOrEqual(0.02 - 1e-9);
      expect(tick.value).toBeLessThanOrEqual(750);
    }
    expect(ticks.map((tick) => tick.value)).toEqual(ticks.map((tick) => tick.value).toSorted((a, b) => a - b));
    expect(new Set(ticks.map((tick) => tick.text)).size).toBe(ticks.length);
  });
});

test('a logarithmic scale cannot show zero and below', () => {
  const scale = makeScale('log', 1e-3, 1, 0, 100);
  expect(scale.at(0)).toBeNaN();
  expect(scale.at(-1)).toBeNaN();
});

test('a symmetric-logarithmic scale is odd around zero', () => {
  const scale = makeScale('symlog', -10, 10, 0, 100);
  expect(scale.at(0)).toBeCloseTo(50, 9);
  expect(scale.at(3) - 50).toBeCloseTo(50 - scale.at(-3), 9);
  expect(scale.ticks(7).map((tick) => tick.value)).toContain(0);
});

test('logarithmic ticks over many decades are powers of ten', () => {
  const values = makeScale('log', 1e-7, 1e2, 0, 100).ticks(4).map((tick) => tick.value);
  for (const value of values) expect(Math.log10(value) % 1).toBeCloseTo(0, 9);
  expect(values.length).toBeLessThanOrEqual(5);
});

test('logarithmic ticks within one decade are still more than one', () => {
  expect(makeScale('log', 0.31, 0.48, 0, 100).ticks(5).length).toBeGreaterThan(2);
});

test.each([
  [1, 5, 0.2],
  [7, 5, 1],
  [0.011, 4, 0.002],
  [90_000, 6, 20_000],
])('a span of %s in about %s parts is stepped by %s', (span, count, step) => {
  expect(niceStep(span, count)).toBeCloseTo(step, 12);
});

test('the largest floats span the whole axis', () => {
  const scale = makeScale('linear', ...pad('linear', -1e308, 1e308), 0, 100);
  expect([scale.at(-1e308), scale.at(0), scale.at(1e308)]).toEqual([0, 50, 100]);
});

test('ticks beyond 2^53 do not repeat', () => {
  const ticks = linearTicks(2 ** 60, 2 ** 60 + 512, 10);
  expect(new Set(ticks).size).toBe(ticks.length);
});

test('ticks have no rounding errors', () => {
  expect(linearTicks(0, 1, 10)).toContain(0.3);
  expect(linearTicks(-0.2, 0.2, 4)).toContain(0);
});

test.each([
  [0.3, 0.1, '0.3'],
  [1000, 500, '1,000'],
  [1234.5, 0.5, '1,234.5'],
  [20_000, 20_000, '20k'],
  [12_500, 500, '12.5k'],
  [1_250_000, 50_000, '1.25M'],
  [-0.05, 0.05, '−0.05'],
  [1e-7, 1e-7, '1e−7'],
  [0, 1, '0'],
])('tick %s beside steps of %s reads %s', (value, step, text) => {
  expect(tickText(value, step)).toBe(text);
});

test.each([
  [0.693147, '0.6931'],
  [12345, '12,345'],
  [1.2e-7, '1.2e−7'],
  [-4.5, '−4.5'],
  [NaN, 'NaN'],
  [-Infinity, '−∞'],
])('value %s reads %s', (value, text) => {
  expect(number(value)).toBe(text);
});

test.each([
  [0.0421, '42.1 ms'],
  [42, '42 s'],
  [185, '3 min 05'],
  [3765, '1 h 02 min 45'],
  [5400, '1 h 30'],
  [183_600, '2 d 3 h'],
  [-90, '−1 min 30'],
])('%s seconds read %s', (seconds, text) => {
  expect(exactDuration(seconds)).toBe(text);
});

test('ticks of a duration are round in its own units', () => {
  expect(durationTicks(0, 3600, 4).map((tick) => tick.text)).toEqual(['0 s', '15 min', '30 min', '45 min', '1 h']);
});

test('only zeros are drawn on the lower edge', () => {
  const [low, high] = pad('linear', 0, 0);
  expect(low).toBeLessThan(0);
  expect(high).toBeGreaterThan(10 * -low);
});

test('non-negative values get hardly any room below zero', () => {
  const [low] = pad('linear', 0.01, 2.4);
  expect(low).toBeLessThan(0);
  expect(low).toBeGreaterThan(-0.05);
  expect(pad('linear', -1, 1)[0]).toBeCloseTo(-1.12, 9);
});

test('a constant gets room on both sides', () => {
  for (const kind of ['linear', 'log'] as const) {
    const [low, high] = pad(kind, 3, 3);
    expect(low).toBeLessThan(3);
    expect(high).toBeGreaterThan(3);
  }
});

test.each([
  [999_999.998, 1_000_000.002, 5],
  [1_700_000_000, 1_700_000_010, 5],
  [0.123_456_75, 0.123_456_77, 4],
  [-1e9 - 1, -1e9 + 3, 4],
  [3e300 - 1e290, 3e300 + 1e290, 4],
])('ticks from %s to %s are told apart in few letters', (low, high, count) => {
  const texts = makeScale('linear', low, high, 0, 100).ticks(count).map((tick) => tick.text);
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts.filter((text) => !/^[+−]?[\d.,]+(e.\d+)?$/.test(text)).length).toBeLessThanOrEqual(1);
  expect(texts.map((text) => text.length).sort((a, b) => a - b).at(-2)).toBeLessThanOrEqual(8);
});

test('close ticks are labelled by their distance from the roundest', () => {
  const texts = makeScale('linear', 999_999.9985, 1_000_000.0015, 0, 100).ticks(3).map((tick) => tick.text);
  expect(texts).toEqual(['−0.001', '1M', '+0.001']);
});

test.each([0, 7, 999, 1000, -1000, 12_345, 999_999, 1_234_567, 2 ** 53])('the thousands of %s are separated like the browser does', (whole) => {
  expect(thousands(whole)).toBe(whole.toLocaleString('en'));
});

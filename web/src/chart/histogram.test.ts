import { describe, expect, test } from 'vitest';
import { bar, barScale } from './bars';
import { divergingFor, sequential } from './colormap';
import { columnOf, heatPixels, reach } from './heatmap';
import { binAt, columns, columnsFor, commonHeight, fan, quantileOf, trimmed, type Histogram } from './histogram';
import { ridgeAt, ridgeColor, ridgeFrame } from './ridge';

function histogram(edges: number[], rows: number[][], zeros = rows.map(() => 0)): Histogram {
  return {
    edges: Float64Array.from(edges),
    counts: Float32Array.from(rows.flat()),
    zeros: Float32Array.from(zeros),
    nonfinite: new Float32Array(rows.length),
    steps: Float64Array.from(rows, (_, i) => i * 10),
  };
}

describe('histograms', () => {
  test('bins of any width become even columns without losing a value', () => {
    const h = histogram([-4, -0.5, -0.25, 0.125, 0.25, 4], [[7, 1, 2, 3, 15]]);
    const shares = columns(h, 0, (v) => v, -4, 4, 13);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
  });

  test('a uniform distribution is flat, whatever the bins', () => {
    const shares = columns(histogram([0, 0.25, 0.5, 1, 2, 4], [[1, 1, 2, 4, 8]]), 0, (v) => v, 0, 4, 10);
    for (const share of shares) expect(share).toBeCloseTo(0.1, 9);
  });

  test('values beyond the range are left out rather than piled up at its end', () => {
    const shares = columns(histogram([-10, 0, 1, 10], [[5, 10, 5]]), 0, (v) => v, 0, 1, 4);
    expect([...shares].map((share) => Number(share.toFixed(6)))).toEqual([0.125, 0.125, 0.125, 0.125]);
  });

  test('exact zeros count in the total although they are in no bin', () => {
    expect(columns(histogram([0, 1], [[3]], [1]), 0, (v) => v, 0, 1, 1)[0]).toBeCloseTo(0.75, 9);
  });

  test('bins chosen by the user are all shown, and 0 only if they contain it', () => {
    const own = { ...histogram([200, 210, 220, 300, 900], [[0, 50, 40, 0], [0, 60, 50, 0]]), own: true };
    expect(trimmed(own)).toEqual([210, 300]);
    expect(trimmed({ ...own, counts: new Float32Array(8) })).toEqual([200, 900]);
    expect(columnsFor(own)).toBe(60);
    expect(columnsFor({ ...histogram(Array.from({ length: 81 }, (_, i) => i), [[1]]), own: true })).toBe(160);
  });

  test.each([
    [-5, 0],
    [0, 0],
    [9.9, 0],
    [10, 1],
    [15, 1],
    [20, 2],
    [40, 2],
    [99, 2],
    [NaN, 0],
  ])('of the edges 0, 10, 20, 40 the value %s lies in bin %s', (value, bin) => {
    expect(binAt(histogram([0, 10, 20, 40], []), value)).toBe(bin);
  });

  test('few values get few columns', () => {
    expect(columnsFor(histogram([0, 1], [[100]]))).toBe(20);
    expect(columnsFor(histogram([0, 1], [[3]]))).toBe(14);
    expect(columnsFor(histogram([0, 1], [[1e6]]))).toBe(72);
  });

  test('one outlier in a hundred thousand does not widen the range', () => {
    const edges = [-1000, -2, -1, 0, 1, 2, 1000];
    const [low, high] = trimmed(histogram(edges, [[1, 20_000, 30_000, 30_000, 20_000, 1]]));
    expect(low).toBeGreaterThan(-2);
    expect(low).toBeLessThan(-1.9);
    expect(high).toBeLessThan(2);
  });

  test('a range on one side of zero still shows zero', () => {
    expect(trimmed(histogram([4, 5, 6], [[5, 5]]))[0]).toBe(0);
  });

  test('a histogram without values still has a range', () => {
    expect(trimmed(histogram([], [[]]))).toEqual([-1, 1]);
  });

  test.each([0.05, 0.25, 0.5, 0.75, 0.95])('quantile %s of even bins is where counting finds it', (share) => {
    const edges = Array.from({ length: 101 }, (_, i) => i / 100);
    expect(quantileOf(edges, new Array<number>(100).fill(7), share)).toBeCloseTo(share, 6);
  });

  test('zeros keep the quantiles at zero', () => {
    const h = histogram([-1, 0, 1], [[10, 10]], [80]);
    const [low, middle, high] = fan(h, [0.05, 0.5, 0.95]).map((row) => row[0]!);
    expect(low).toBeCloseTo(-0.5, 6);
    expect(middle).toBe(0);
    expect(high).toBeCloseTo(0.5, 6);
  });

  test('a step without values has no quantiles', () => {
    expect(fan(histogram([0, 1], [[0]]), [0.5])[0]![0]).toBeNaN();
  });

  test('a step with a single bin does not flatten the others', () => {
    expect(commonHeight([[1, 2], [2, 1], [1000, 0]].map((row) => Float64Array.from(row)))).toBe(5);
  });
});

describe('heat maps', () => {
  test('each pixel shows the nearest step, even if steps are uneven', () => {
    const xs = Float64Array.of(0, 1, 9);
    expect([...columnOf(xs, 0, 10, 10)]).toEqual([0, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
  });

  test('the axis extends half a distance beyond its ends', () => {
    expect(reach(Float64Array.of(0, 10, 30))).toEqual([-5, 40]);
    expect(reach(Float64Array.of(7))).toEqual([6.5, 7.5]);
  });

  test('rows and columns keep their positions', () => {
    const pixels = heatPixels({ values: [1, 2, 3, 4], rows: 2, xs: Float64Array.of(0, 1), color: (value) => value }, 4);
    expect([...pixels]).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
  });
});

describe('colours', () => {
  const lightness = (bits: number) => 0.2126 * (bits & 255) + 0.7152 * ((bits >> 8) & 255) + 0.0722 * ((bits >> 16) & 255);

  test('the sequential scale gets lighter throughout', () => {
    const steps = Array.from({ length: 50 }, (_, i) => lightness(sequential.at(i / 49)));
    for (let i = 1; i < steps.length; i++) expect(steps[i]!).toBeGreaterThan(steps[i - 1]! - 0.5);
  });

  test.each([false, true])('the diverging scale is extreme at its ends and quiet in the middle (dark: %s)', (dark) => {
    const map = divergingFor(dark);
    const from = (share: number) => Math.abs(lightness(map.at(share)) - lightness(map.at(0.5)));
    expect(from(0)).toBeGreaterThan(90);
    expect(from(1)).toBeGreaterThan(90);
  });

  test('NaN has a colour and values beyond the ends are clamped', () => {
    expect(sequential.at(NaN)).toBe(sequential.at(0));
    expect(sequential.at(7)).toBe(sequential.at(1));
  });
});

describe('bars', () => {
  test('a logarithmic axis has whole decades', () => {
    const scale = barScale([[0.03, 2, NaN, 0]], 'log');
    expect(scale.low).toBeCloseTo(0.01, 12);
    expect(scale.high).toBeCloseTo(10, 12);
    expect(bar(scale, 1)![1]).toBeCloseTo(2 / 3, 9);
  });

  test('a value near zero does not squeeze the others', () => {
    expect(barScale([[1e-30, 1]], 'log').low).toBeCloseTo(1e-8, 20);
  });

  test('bars of signed values start in the middle', () => {
    const scale = barScale([[-2, 1]], 'signed');
    expect(bar(scale, -2)).toEqual([0, 0.5]);
    expect(bar(scale, 1)).toEqual([0.5, 0.25]);
  });

  test('an unwatched value has no bar, zero has one without length', () => {
    expect(bar(barScale([[1, 10]], 'log'), NaN)).toBeNull();
    expect(bar(barScale([[1, 10]], 'log'), 0)).toEqual([0, 0]);
    expect(bar(barScale([[1]], 'share'), 0.25)).toEqual([0, 0.25]);
  });
});

test('pointing at a ridge finds its step', () => {
  const h = histogram([0, 1], Array.from({ length: 20 }, () => [1]));
  const frame = ridgeFrame(h, 'linear', [0, 1], 400, 300);
  [0, 7, 19].forEach((step) => expect(ridgeAt(frame, frame.baselines[step]! - 1)).toBe(step));
  expect(ridgeAt(frame, -50)).toBe(0);
  expect(ridgeAt(frame, 5000)).toBe(19);
});

test('no ridge extends beyond the top, however tall it is', () => {
  const rows = Array.from({ length: 12 }, (_, i) => Array.from({ length: 64 }, (_, j) => (i < 3 ? (j === 30 ? 5000 : 0) : 10)));
  const edges = Array.from({ length: 65 }, (_, i) => i / 64);
  for (const n of [1, 2, 12]) {
    const frame = ridgeFrame(histogram(edges, rows.slice(0, n)), 'linear', [0, 1], 400, 300);
    frame.outlines.forEach((row, i) => expect(frame.baselines[i]! - Math.max(...row)).toBeGreaterThanOrEqual(2));
    expect(frame.baselines.at(-1)).toBeCloseTo(frame.height, 9);
  }
});

test('of two unusually tall ridges, the taller is drawn taller', () => {
  const rows = [[1000, 0], [90, 10], ...Array.from({ length: 9 }, () => [10, 10])];
  const frame = ridgeFrame(histogram([0, 0.5, 1], rows), 'linear', [0, 1], 400, 300);
  const tops = frame.outlines.map((row) => Math.max(...row));
  expect(tops[0]).toBeGreaterThan(tops[1]!);
  expect(tops[1]).toBeGreaterThan(tops[2]!);
});

test('values close together far from zero are shown without it, unless some are zero', () => {
  const [low, high] = trimmed(histogram([0.9, 1, 1.1], [[50, 50]]));
  expect([low, high].map((value) => value.toFixed(2))).toEqual(['0.90', '1.10']);
  expect(trimmed(histogram([-1.1, -1, -0.9], [[50, 50]]))[1]).toBeCloseTo(-0.9, 2);
  expect(trimmed(histogram([0.9, 1, 1.1], [[50, 50]], [3]))[0]).toBe(0);
});

test.each([
  [false, '#ffffff'],
  [true, '#161719'],
])('ridges of every age stand out from the page (dark: %s)', (isDark, page) => {
  const luminance = (rgb: number[]) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const ground = luminance([1, 3, 5].map((at) => parseInt(page.slice(at, at + 2), 16)));
  for (let share = 0; share <= 1; share += 0.05) {
    const line = luminance(ridgeColor(share, isDark).match(/\d+/g)!.map(Number));
    expect((Math.max(line, ground) + 0.05) / (Math.min(line, ground) + 0.05)).toBeGreaterThanOrEqual(3);
  }
});

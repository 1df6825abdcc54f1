import { describe, expect, it } from 'vitest';
import type { Column, Tensors } from '../../api/safetensors';
import { ModelValues, unravel } from './modelValues';
import { layoutOf, mapAt, paint } from './valuePicture';
import { rangeText } from './valueTexts';

function sent(): Tensors {
  const doubles = (...numbers: number[]) => new Float64Array(numbers);
  const columns: Record<string, Column> = {
    value: new Int32Array([3, 7]),
    n: doubles(24, 4),
    zeros: doubles(2, 0),
    nan: doubles(0, 1),
    infinite: doubles(0, 2),
    mean: doubles(0.5, NaN),
    std: doubles(1, NaN),
    min: doubles(-2, NaN),
    max: doubles(5, NaN),
    channel_axis: doubles(1, -1),
    channels: doubles(3, 0),
    dead_channels: doubles(1, 0),
    median_channel: doubles(0.5, NaN),
    is_kept: doubles(1, 0),
    quantiles: doubles(...Array.from({ length: 14 }, (_, i) => i)),
    histogram: doubles(4, 20, 0, 0),
    histogram_limits: doubles(-2, 5, NaN, NaN),
    largest: doubles(5, -2, NaN, NaN),
    largest_index: doubles(23, 0, -1, -1),
    outlier_channels: doubles(2, -1, -1, -1),
    outlier_magnitudes: doubles(5, NaN, NaN, NaN),
    picture_limits: doubles(-5, 5, 0, 0),
    shapes: doubles(2, 3, 4, 4),
    shape_ends: new Int32Array([3, 4]),
    node_seconds: doubles(0.1, NaN, 0.3),
  };
  const tensors = Object.fromEntries(Object.entries(columns).map(([name, data]) => [name, { dtype: '', shape: [data.length], data }]));
  return { tensors, metadata: { values: JSON.stringify({ dtypes: ['float32', 'int64'] }) } };
}

describe('values of a run', () => {
  const values = new ModelValues('job', 'model', sent());

  it('are found by their index in the graph', () => {
    const found = values.of(3)!;
    expect(found.dtype).toBe('float32');
    expect(found.shape).toEqual([2, 3, 4]);
    expect(found.largest).toEqual([
      { index: [1, 2, 3], value: 5 },
      { index: [0, 0, 0], value: -2 },
    ]);
    expect(found.outlierChannels).toEqual([{ channel: 2, magnitude: 5 }]);
    expect([...found.histogram]).toEqual([4, 20]);
    expect(values.of(7)!.shape).toEqual([4]);
    expect([found.isKept, values.of(7)!.isKept]).toEqual([true, false]);
    expect(values.of(4)).toBeNull();
  });

  it('have a largest magnitude, if any is finite', () => {
    expect(values.largestOf([3, 7, 4])).toBe(5);
    expect(values.largestOf([7])).toBeNaN();
  });

  it('name the slowest operations', () => {
    expect(values.slowest(5)).toEqual([
      { node: 2, seconds: 0.3 },
      { node: 0, seconds: 0.1 },
    ]);
  });

  it('are told beside a line', () => {
    expect(rangeText(values.range(3))).toBe('−2 … 5');
    expect(rangeText(values.range(7))).toBe('NaN/∞');
    expect(rangeText({ min: 1, max: 1, wrong: 2 })).toBe('NaN/∞ 1');
    expect(rangeText(null)).toBe('');
  });
});

describe('indices', () => {
  it('are in the order of the axes', () => {
    expect(unravel(0, [])).toEqual([]);
    expect(unravel(17, [2, 3, 4])).toEqual([1, 1, 1]);
  });
});

describe('small pictures', () => {
  it('stand side by side, and the pointer finds them', () => {
    const layout = layoutOf({ n: 10, rows: 4, columns: 4 });
    expect(layout).toEqual({ across: 4, gap: 1, stepX: 5, stepY: 5, width: 19, height: 14 });
    expect(mapAt(layout, 10, 0.01, 0.01)).toBe(0);
    expect(mapAt(layout, 10, 0.3, 0.99)).toBe(9);
    expect(mapAt(layout, 10, 0.99, 0.99)).toBe(-1);
  });

  it('mark NaN with a colour that no number has', () => {
    const maps = { n: 1, rows: 1, columns: 256, pixels: Uint8Array.from({ length: 256 }, (_, i) => i) };
    const into = new Uint32Array(256);
    paint(into, maps, layoutOf(maps), true, false);
    expect([...into.subarray(1)]).not.toContain(into[0]);
    expect(new Set(into.subarray(1)).size).toBeGreaterThan(100);
  });
});

/** The values of a run of a model, as the server sends them: one row for each value that was measured. */
import { column, type Tensors } from '../../api/safetensors';
import type { ValuesSummary } from '../../api/schema.gen';
import type { Graph } from '../../graph/pack';

/** One value in numbers. */
export interface Measured {
  dtype: string;
  shape: number[];
  n: number;
  zeros: number;
  nan: number;
  infinite: number;
  mean: number;
  std: number;
  min: number;
  max: number;
  /** At 1, 5, 25, 50, 75, 95 and 99 %. */
  quantiles: Float64Array;
  histogram: Float64Array;
  /** Where the histogram begins and ends; what lies beyond is in its first and last bar. */
  histogramLimits: readonly [number, number];
  /** Elements of largest magnitude, the largest first, with their indices. */
  largest: { index: number[]; value: number }[];
  /** -1: it has no channels. */
  channelAxis: number;
  channels: number;
  deadChannels: number;
  /** Channels whose largest magnitude is several times that of the median channel. */
  outlierChannels: { channel: number; magnitude: number }[];
  medianChannel: number;
  pictureLimits: readonly [number, number];
  /** Whether the server has all of its elements. */
  isKept: boolean;
}

const COLUMNS = ['n', 'zeros', 'nan', 'infinite', 'mean', 'std', 'min', 'max', 'channel_axis', 'channels', 'dead_channels', 'median_channel', 'is_kept'] as const;
const WIDE = ['quantiles', 'histogram', 'histogram_limits', 'largest', 'largest_index', 'outlier_channels', 'outlier_magnitudes', 'picture_limits', 'shapes'] as const;

type Columns = Record<(typeof COLUMNS)[number] | (typeof WIDE)[number], Float64Array>;

export class ModelValues {
  readonly about: ValuesSummary;
  /** Seconds of each node, NaN if unknown. */
  readonly nodeSeconds: Float64Array;
  readonly #rows = new Map<number, number>();
  readonly #column: Columns;
  readonly #shapeEnds: Int32Array;

  constructor(
    readonly job: string,
    /** Id of the model. */
    readonly model: string,
    tensors: Tensors,
  ) {
    this.about = JSON.parse(tensors.metadata['values'] ?? '{}') as ValuesSummary;
    this.nodeSeconds = column(tensors, 'node_seconds', Float64Array);
    column(tensors, 'value', Int32Array).forEach((value, row) => this.#rows.set(value, row));
    this.#column = Object.fromEntries([...COLUMNS, ...WIDE].map((name) => [name, column(tensors, name, Float64Array)])) as Columns;
    this.#shapeEnds = column(tensors, 'shape_ends', Int32Array);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Null if the value was not computed. */
  of(value: number): Measured | null {
    const row = this.#rows.get(value);
    if (row === undefined) return null;
    const c = this.#column;
    const part = (name: (typeof WIDE)[number]) => {
      const width = c[name].length / this.#rows.size;
      return c[name].subarray(row * width, (row + 1) * width);
    };
    const shape = [...c.shapes.subarray(row ? this.#shapeEnds[row - 1] : 0, this.#shapeEnds[row])];
    const [indices, channels, magnitudes] = [part('largest_index'), part('outlier_channels'), part('outlier_magnitudes')];
    return {
      dtype: this.about.dtypes[row]!,
      shape,
      n: c.n[row]!,
      zeros: c.zeros[row]!,
      nan: c.nan[row]!,
      infinite: c.infinite[row]!,
      mean: c.mean[row]!,
      std: c.std[row]!,
      min: c.min[row]!,
      max: c.max[row]!,
      quantiles: part('quantiles'),
      histogram: part('histogram'),
      histogramLimits: [...part('histogram_limits')] as unknown as [number, number],
      largest: [...part('largest')].flatMap((value, i) => (indices[i]! >= 0 ? [{ index: unravel(indices[i]!, shape), value }] : [])),
      channelAxis: c.channel_axis[row]!,
      channels: c.channels[row]!,
      deadChannels: c.dead_channels[row]!,
      outlierChannels: [...channels].flatMap((channel, i) => (channel >= 0 ? [{ channel, magnitude: magnitudes[i]! }] : [])),
      medianChannel: c.median_channel[row]!,
      pictureLimits: [...part('picture_limits')] as unknown as [number, number],
      isKept: c.is_kept[row]! > 0,
    };
  }

  /** Least and greatest finite element, and how many are NaN or infinite; null if it was not computed. */
  range(value: number): { min: number; max: number; wrong: number } | null {
    const row = this.#rows.get(value);
    if (row === undefined) return null;
    return { min: this.#column.min[row]!, max: this.#column.max[row]!, wrong: this.#column.nan[row]! + this.#column.infinite[row]! };
  }

  /** Largest finite magnitude among some values; NaN if none was computed. */
  largestOf(values: Iterable<number>): number {
    let most = NaN;
    for (const value of values) {
      const range = this.range(value);
      const size = range ? Math.max(-range.min, range.max) : NaN;
      if (size === size) most = most === most ? Math.max(most, size) : size;
    }
    return most;
  }

  /** The slowest nodes, the slowest first. */
  slowest(most: number): { node: number; seconds: number }[] {
    return [...this.nodeSeconds].flatMap((seconds, node) => (seconds > 0 ? [{ node, seconds }] : [])).sort((a, b) => b.seconds - a.seconds).slice(0, most);
  }

  /** Values with channels that stand out, the most extreme first. */
  withOutliers(graph: Graph, most: number): { value: number; channel: number; factor: number }[] {
    const found: { value: number; channel: number; factor: number }[] = [];
    for (const [value, row] of this.#rows) {
      const width = this.#column.outlier_channels.length / this.#rows.size;
      const channel = this.#column.outlier_channels[row * width]!;
      const median = this.#column.median_channel[row]!;
      if (channel >= 0 && median > 0 && value < graph.nValues) found.push({ value, channel, factor: this.#column.outlier_magnitudes[row * width]! / median });
    }
    return found.sort((a, b) => b.factor - a.factor).slice(0, most);
  }
}

/** Index on each axis of a flat index. */
export function unravel(flat: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (const size of [...shape].reverse()) {
    index.push(rest % size);
    rest = Math.floor(rest / size);
  }
  return index.reverse();
}

/** A matrix as colours: rows x columns over an axis of steps that need not be evenly spaced. */
import { nearest } from './nearest';

export interface Heat {
  /** Row by row. */
  values: ArrayLike<number>;
  rows: number;
  /** x of each column, ascending. */
  xs: Float64Array;
  /** Colour of a value as ImageData keeps it; 0 leaves the cell empty. */
  color: (value: number, row: number, column: number) => number;
}

/** The column that each pixel shows: the nearest one. */
export function columnOf(xs: Float64Array, low: number, high: number, width: number): Int32Array {
  const out = new Int32Array(width);
  for (let px = 0; px < width; px++) out[px] = nearest(xs, low + ((px + 0.5) / width) * (high - low));
  return out;
}

/** Edges of the axis: half a distance beyond the first and the last column. */
export function reach(xs: Float64Array): [number, number] {
  const n = xs.length;
  if (n === 0) return [0, 1];
  if (n === 1) return [xs[0]! - 0.5, xs[0]! + 0.5];
  return [xs[0]! - (xs[1]! - xs[0]!) / 2, xs[n - 1]! + (xs[n - 1]! - xs[n - 2]!) / 2];
}

/** Pixels of a heat map, one row of them a row of the matrix: stretch it to any height. */
export function heatPixels({ values, rows, xs, color }: Heat, width: number): Uint32Array {
  const [low, high] = reach(xs);
  const columns = columnOf(xs, low, high, width);
  const pixels = new Uint32Array(width * rows);
  const line = new Uint32Array(xs.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < xs.length; column++) line[column] = color(values[row * xs.length + column]!, row, column);
    for (let px = 0; px < width; px++) pixels[row * width + px] = columns[px]! < 0 ? 0 : line[columns[px]!]!;
  }
  return pixels;
}

let stage: HTMLCanvasElement | null = null;

/** Draw into a rectangle (CSS pixels) of a context that is scaled by `ratio`. */
export function drawHeat(context: CanvasRenderingContext2D, heat: Heat, left: number, top: number, width: number, height: number, ratio: number): void {
  const w = Math.max(1, Math.round(width * ratio));
  if (!heat.rows || !heat.xs.length) return;
  const pixels = heatPixels(heat, w);
  stage ??= document.createElement('canvas');
  stage.width = w;
  stage.height = heat.rows;
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer as ArrayBuffer), w, heat.rows);
  stage.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(stage, left, top, width, height);
}

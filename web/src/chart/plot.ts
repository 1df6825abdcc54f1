/** A chart of lines: from curves and a window to pixels, and to the scales that the crosshair needs. */
import type { Ink } from './ink';
import { parseColor } from './ink';
import type { Xs } from '../api/client';
import type { Ys } from './merge';
import { lowerBound } from './nearest';
import { extent, ordinaryRange, type Range, type Span } from './outliers';
import { clear, fillBand, horizontal, makeRaster, strokeLine, vertical, type Raster } from './raster';
import { durationTicks, makeScale, pad, type Scale, type ScaleKind, type Tick } from './scale';
import { pixelRatio } from './sight';

/** A line of a chart: points ascending in x. */
export interface Curve {
  /** The run (or group) it belongs to, which hovering and clicking report. */
  id: string;
  /** The key, if the chart has several. */
  key: string;
  /** Dash pattern in CSS pixels; null: solid. */
  dash: readonly number[] | null;
  name: string;
  color: string;
  x: Xs;
  y: Ys;
  /** The moving average, drawn with `y` faintly behind it; null: draw `y`; `y` itself: the logged values are not known. */
  smoothed: Ys | null;
  /** The tail of an attempt that a later one replaced. */
  ghost: boolean;
  /** Lower and upper edge of a band around `y`. */
  low?: Ys;
  high?: Ys;
  /** For a group: how many of its runs have a value at each point, and how many runs there are. */
  runs?: ArrayLike<number>;
  nRuns?: number;
}

export type AxisKind = ScaleKind | 'duration';

export interface Axes {
  x: AxisKind;
  y: ScaleKind;
  /** Shown range of x; null: all of it. */
  xWindow: readonly [number, number] | null;
  yWindow: readonly [number, number] | null;
  /** Limits of y set by the user, used when not zoomed; null: from the values. */
  yLimits?: readonly [number | null, number | null];
  /** Clip values that would flatten all others. */
  clipsOutliers: boolean;
  /** Show 0 although no value is near it: for amounts and percentages. */
  fromZero?: boolean;
}

export interface Frame {
  x: Scale;
  y: Scale;
  /** The plot's rectangle in CSS pixels. */
  left: number;
  top: number;
  width: number;
  height: number;
  xTicks: Tick[];
  yTicks: Tick[];
  /** How many runs or groups have values that were clipped as outliers. */
  nBeyond: number;
}

/** With more curves, the raw lines behind smoothed ones would only be fog. */
export const MOST_RAW = 40;
/** For replaced attempts: fine dots, unlike the dashes of keys, dark enough to follow in both themes. */
export const GHOST_DASH = [2, 2];
export const GHOST_ALPHA = 0.7;
/** For groups where runs are missing. */
export const PARTIAL_DASH = [4, 3];
const GAP = 6;
const BOTTOM = 20;
const TOP = 6;
const RIGHT = 8;

const showsRaw = (curves: readonly Curve[]) => curves.length <= MOST_RAW;

/** The values drawn as a curve's line. */
export const shown = (curve: Curve) => curve.smoothed ?? curve.y;

/** Whether there is something to draw faintly behind the line. */
const hasRaw = (curve: Curve) => curve.smoothed !== null && curve.smoothed !== curve.y;

/** Raw lines behind smoothed ones, from the back to the front. */
export const rawLines = (curves: readonly Curve[]) => (showsRaw(curves) ? curves.filter(hasRaw) : []);

/** Split a curve's line in two: where it is complete, and where runs of a group are missing (dashed). Each is NaN where the other is drawn. */
export function partsOf(curve: Curve): { whole: Ys; partial: Ys | null } {
  const line = shown(curve);
  const { runs, nRuns = 1 } = curve;
  if (curve.ghost) return { whole: line.subarray(0, 0), partial: line };
  if (!runs) return { whole: line, partial: null };
  const isPartial = (i: number) => i >= 0 && i < line.length && runs[i]! < nRuns;
  const whole = line.map((value, i) => (isPartial(i) ? NaN : value));
  // A piece is drawn once, as partial if one of its ends is.
  const partial = line.map((value, i) => (isPartial(i - 1) || isPartial(i) || isPartial(i + 1) ? value : NaN));
  return partial.every(Number.isNaN) ? { whole: line, partial: null } : { whole, partial };
}

/** Full range of x over all curves; [NaN, NaN] if there are no points. */
export function xExtent(curves: readonly Curve[], positive = false): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const { x } of curves) {
    const first = positive ? x[lowerBound(x, Number.MIN_VALUE)] : x[0];
    const last = x[x.length - 1];
    if (first !== undefined && first < low) low = first;
    if (last !== undefined && last > high) high = last;
  }
  return low <= high ? [low, high] : [NaN, NaN];
}

/** Relative differences that are only rounding: four times the resolution of an f32, and of an f64 after some arithmetic. */
const F32_STEP = 2 ** -22;
const F64_STEP = 2 ** -44;

/** Range of y within a window of x, of the lines that are drawn and of bands; [v, v] where only rounding moves the line. */
export function yRange(curves: readonly Curve[], axes: Axes): Range {
  const range = drawnRange(curves, axes);
  const { low, high } = range;
  const step = curves.every((curve) => shown(curve) instanceof Float32Array) ? F32_STEP : F64_STEP;
  if (high - low > Math.max(Math.abs(low), Math.abs(high)) * step) return range;
  const middle = low + (high - low) / 2;
  return { ...range, low: middle, high: middle };
}

function drawnRange(curves: readonly Curve[], axes: Axes): Range {
  const [left, right] = axes.xWindow ?? [-Infinity, Infinity];
  const spans: Span[] = [];
  const raw = new Set(rawLines(curves));
  for (const curve of curves) {
    const from = Math.max(0, lowerBound(curve.x, left) - 1);
    const to = right === Infinity ? curve.x.length : Math.min(curve.x.length, lowerBound(curve.x, right) + 1);
    const { id, key } = curve;
    const add = (values: Ys) => spans.push({ id, key, values: values.subarray(from, to) });
    add(shown(curve));
    if (raw.has(curve)) add(curve.y);
    if (curve.low && curve.high) {
      add(curve.low);
      add(curve.high);
    }
  }
  const positive = axes.y === 'log';
  if (axes.clipsOutliers) return ordinaryRange(spans, positive);
  const [low, high] = extent(spans.map((span) => span.values), positive);
  return { low, high, beyond: new Set() };
}

/** Apply the limits set by the user; limits that make no valid range on this axis are ignored. */
function limited(axes: Axes, [low, high]: [number, number]): [number, number] {
  const usable = (end: number | null | undefined) => typeof end === 'number' && !(axes.y === 'log' && end <= 0);
  const [from, to] = axes.yLimits ?? [null, null];
  const ends: [number, number] = [usable(from) ? from! : low, usable(to) ? to! : high];
  return ends[0] < ends[1] ? ends : [low, high];
}

function padded(axes: Axes, { low, high }: Range): [number, number] {
  if (!axes.fromZero || axes.y === 'log' || !(low >= 0)) return pad(axes.y, low, high);
  return [0, pad(axes.y, 0, high)[1]];
}

/** Scales and ticks of a chart of `width` x `height` CSS pixels. */
export function frameOf(
  curves: readonly Curve[],
  axes: Axes,
  width: number,
  height: number,
  measure: (text: string) => number,
): Frame {
  const xKind: ScaleKind = axes.x === 'duration' ? 'linear' : axes.x;
  let [x0, x1] = axes.xWindow ?? xExtent(curves, xKind === 'log');
  if (!(x1 > x0)) [x0, x1] = Number.isFinite(x0) ? pad(xKind, x0, x0) : xKind === 'log' ? [1, 10] : [0, 1];
  const range = yRange(curves, axes);
  const [y0, y1] = axes.yWindow ?? limited(axes, padded(axes, range));
  const plotHeight = Math.max(10, height - TOP - BOTTOM);
  const y = makeScale(axes.y, y0, y1, TOP + plotHeight, TOP);
  // If no logged value is finite, labels on the axis would be meaningless.
  const isEmpty = curves.length > 0 && !axes.yWindow && Number.isNaN(range.low);
  const yTicks = isEmpty ? [] : y.ticks(Math.max(3, Math.min(9, Math.round(plotHeight / 38))));
  const left = Math.ceil(Math.max(16, ...yTicks.map((tick) => measure(tick.text)))) + GAP;
  const plotWidth = Math.max(10, width - left - RIGHT);
  const x = makeScale(xKind, x0, x1, left, left + plotWidth);
  const count = Math.max(2, Math.min(12, Math.round(plotWidth / 76)));
  const xTicks = axes.x === 'duration' ? durationTicks(x0, x1, count) : x.ticks(count);
  return { x, y, left, top: TOP, width: plotWidth, height: plotHeight, xTicks, yTicks, nBeyond: axes.yWindow ? 0 : range.beyond.size };
}

// Charts are drawn one after the other and mostly have the same size, so they share one pixel buffer.
let canvasPixels: Raster | null = null;

function rasterOf(width: number, height: number): Raster {
  if (canvasPixels?.width !== width || canvasPixels.height !== height) canvasPixels = makeRaster(width, height);
  return canvasPixels;
}

/** Draw everything except the crosshair. `lit`: the highlighted curve; `mark`: x of the selected step. */
export function drawPlot(
  context: CanvasRenderingContext2D,
  curves: readonly Curve[],
  frame: Frame,
  ink: Ink,
  lit: string | null,
  mark: number | null,
  ratio = pixelRatio(),
): void {
  const { canvas } = context;
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = `rgb(${ink.surface.join(' ')})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.restore();

  const left = Math.round(frame.left * ratio);
  const top = Math.round(frame.top * ratio);
  const raster = rasterOf(Math.round(frame.width * ratio), Math.round(frame.height * ratio));
  const xScale = makeScale(frame.x.kind, frame.x.low, frame.x.high, 0, raster.width);
  const yScale = makeScale(frame.y.kind, frame.y.low, frame.y.high, raster.height, 0);
  clear(raster, ink.surface);
  for (const tick of frame.yTicks) horizontal(raster, yScale.at(tick.value), ink.grid);
  if (mark !== null) vertical(raster, xScale.at(mark), parseColor(ink.line2));
  paintCurves(raster, curves, xScale, yScale, lit, ratio);
  context.putImageData(raster.image, left, top);
  drawTexts(context, frame, ink);
  drawMarkers(context, curves, frame);
  drawLone(context, curves, frame);
}

/** A series of one point has no line; draw a visible dot. */
function drawLone(context: CanvasRenderingContext2D, curves: readonly Curve[], frame: Frame): void {
  for (const curve of curves) {
    if (curve.x.length !== 1) continue;
    const [x, y] = [frame.x.at(curve.x[0]!), frame.y.at(curve.y[0]!)];
    const isInside = x >= frame.left && x <= frame.left + frame.width && y >= frame.top && y <= frame.top + frame.height;
    if (!isInside) continue;
    context.beginPath();
    context.arc(x, y, 3, 0, 7);
    context.fillStyle = curve.color;
    context.fill();
  }
}

/** Paint curves from the back to the front: bands, ghosts, raw lines, lines. */
function paintCurves(
  raster: Raster,
  curves: readonly Curve[],
  xScale: Scale,
  yScale: Scale,
  lit: string | null,
  ratio: number,
): void {
  const n = curves.length;
  const width = (n > 100 ? 1 : n > 20 ? 1.25 : 1.5) * ratio;
  const crowd = n > 400 ? 0.55 : n > 100 ? 0.75 : 1;
  const order = lit === null ? curves : [...curves.filter((c) => c.id !== lit), ...curves.filter((c) => c.id === lit)];
  for (const curve of order) {
    if (!curve.low || !curve.high) continue;
    const style = { color: parseColor(curve.color), alpha: lit === null || lit === curve.id ? 0.16 : 0.06 };
    fillBand(raster, curve.x, curve.low, curve.high, 0, curve.x.length, xScale, yScale, style);
  }
  for (const curve of rawLines(order)) {
    const line = { x: curve.x, y: curve.y, start: 0, n: curve.x.length };
    strokeLine(raster, line, xScale, yScale, { color: parseColor(curve.color), width: ratio, alpha: lit === null || lit === curve.id ? 0.26 : 0.1 });
  }
  for (const curve of order) {
    const alpha = lit === null ? crowd : curve.id === lit ? 1 : 0.22;
    const color = parseColor(curve.color);
    const stroke = { color, width: curve.id === lit ? width + 0.75 * ratio : width, alpha: curve.ghost ? alpha * GHOST_ALPHA : alpha };
    const dashed = (dash: readonly number[] | null) => ({ ...stroke, dash: dash?.map((length) => length * ratio) ?? null });
    const { whole, partial } = partsOf(curve);
    strokeLine(raster, { x: curve.x, y: whole, start: 0, n: whole.length }, xScale, yScale, dashed(curve.dash));
    if (partial) strokeLine(raster, { x: curve.x, y: partial, start: 0, n: partial.length }, xScale, yScale, dashed(curve.ghost ? GHOST_DASH : PARTIAL_DASH));
  }
}

function drawTexts(context: CanvasRenderingContext2D, frame: Frame, ink: Ink): void {
  context.font = ink.font;
  context.fillStyle = ink.text3;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (const tick of frame.yTicks) {
    const y = frame.y.at(tick.value);
    context.fillText(tick.text, frame.left - GAP, Math.max(y, frame.top + 4) + 0.5);
  }
  context.textBaseline = 'alphabetic';
  const bottom = frame.top + frame.height;
  context.strokeStyle = ink.line2;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(frame.left, bottom + 0.5);
  context.lineTo(frame.left + frame.width, bottom + 0.5);
  context.stroke();
  let free = -Infinity;
  for (const tick of frame.xTicks) {
    const at = frame.x.at(tick.value);
    const half = context.measureText(tick.text).width / 2;
    // At the edges the text is moved inwards rather than cut.
    const middle = Math.min(Math.max(at, half), frame.left + frame.width + RIGHT - half);
    if (middle - half < free) continue;
    context.textAlign = 'center';
    context.fillText(tick.text, middle, bottom + 15);
    context.fillRect(Math.round(at), bottom, 1, 3);
    free = middle + half + 8;
  }
}

/** Mark NaN and infinities with triangles at the edge, at most one every few pixels. */
function drawMarkers(context: CanvasRenderingContext2D, curves: readonly Curve[], frame: Frame): void {
  const taken = new Set<number>();
  for (const curve of curves) {
    if (curve.ghost) continue;
    context.fillStyle = curve.color;
    for (let i = 0; i < curve.y.length; i++) {
      const value = curve.y[i]!;
      if (value - value === 0) continue;
      const x = frame.x.at(curve.x[i]!);
      if (!(x >= frame.left - 1 && x <= frame.left + frame.width + 1)) continue;
      const kind = Number.isNaN(value) ? 0 : value > 0 ? 1 : 2;
      const slot = Math.round(x / 5) * 3 + kind;
      if (taken.has(slot)) continue;
      taken.add(slot);
      marker(context, x, kind === 1 ? frame.top + 1 : frame.top + frame.height - 1, kind);
    }
  }
}

function marker(context: CanvasRenderingContext2D, x: number, edge: number, kind: number): void {
  context.beginPath();
  if (kind === 1) {
    context.moveTo(x, edge); // +infinity: pointing out at the top
    context.lineTo(x - 4, edge + 6);
    context.lineTo(x + 4, edge + 6);
  } else if (kind === 2) {
    context.moveTo(x, edge); // -infinity: pointing out at the bottom
    context.lineTo(x - 4, edge - 6);
    context.lineTo(x + 4, edge - 6);
  } else {
    context.moveTo(x, edge - 6); // NaN: standing on the floor
    context.lineTo(x - 4, edge);
    context.lineTo(x + 4, edge);
  }
  context.fill();
}

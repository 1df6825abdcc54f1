/** Histograms over steps as ridge lines: one behind the other, the newest in front. */
import type { Ink } from './ink';
import { columns, columnsFor, commonHeight, type Histogram } from './histogram';
import { makeScale, type Scale, type ScaleKind } from './scale';
import { sequential } from './colormap';

export interface RidgeFrame {
  x: Scale;
  left: number;
  top: number;
  width: number;
  height: number;
  /** Baseline of each step, CSS pixels. */
  baselines: number[];
  /** Height of the tallest ridge. */
  rise: number;
}

const LEFT = 8;
const RIGHT = 52;
const BOTTOM = 20;
/** How much taller than most a ridge may be before it is cut. */
const TALLER = 1.25;

export function ridgeFrame(h: Histogram, kind: ScaleKind, range: readonly [number, number], width: number, height: number): RidgeFrame {
  const n = h.steps.length;
  const w = Math.max(10, width - LEFT - RIGHT);
  const room = Math.max(10, height - BOTTOM);
  // Ridges overlap: each is as tall as four of their distances, but no more than a third of the chart.
  const rise = Math.min(room / 3, Math.max(18, (4 * room) / Math.max(n, 4)));
  const first = rise * TALLER + 2;
  const gap = n > 1 ? (room - first) / (n - 1) : 0;
  return {
    x: makeScale(kind, range[0], range[1], LEFT, LEFT + w),
    left: LEFT,
    top: 0,
    width: w,
    height: room,
    baselines: Array.from({ length: n }, (_, i) => first + i * gap),
    rise,
  };
}

/** Which step a height points at: the ridge whose baseline is nearest, a little below. */
export function ridgeAt(frame: RidgeFrame, y: number): number {
  const { baselines } = frame;
  if (!baselines.length) return -1;
  const gap = baselines.length > 1 ? baselines[1]! - baselines[0]! : 1;
  return Math.min(baselines.length - 1, Math.max(0, Math.ceil((y - baselines[0]!) / gap - 0.15)));
}

/** `lit`: the step that stands out. */
export function drawRidges(context: CanvasRenderingContext2D, h: Histogram, frame: RidgeFrame, ink: Ink, lit: number): void {
  const n = columnsFor(h);
  const densities = Array.from(h.steps, (_, step) => columns(h, step, frame.x.bend, frame.x.low, frame.x.high, n));
  const top = commonHeight(densities);
  const surface = `rgb(${ink.surface.join(' ')})`;
  context.lineJoin = 'round';
  densities.forEach((row, step) => {
    const base = frame.baselines[step]!;
    const share = densities.length > 1 ? step / (densities.length - 1) : 1;
    // The darkest end of the scale would vanish on a dark page, the lightest on a light one.
    const color = sequential.css(ink.dark ? 0.3 + 0.65 * share : 0.78 - 0.68 * share);
    const path = new Path2D();
    path.moveTo(frame.left, base);
    for (let i = 0; i < row.length; i++) {
      path.lineTo(frame.left + ((i + 0.5) / n) * frame.width, base - Math.min(TALLER, row[i]! / top) * frame.rise);
    }
    path.lineTo(frame.left + frame.width, base);
    context.fillStyle = surface;
    context.fill(path);
    context.fillStyle = color;
    context.globalAlpha = step === lit ? 0.5 : 0.14;
    context.fill(path);
    context.globalAlpha = 1;
    context.strokeStyle = step === lit ? ink.text : color;
    context.lineWidth = step === lit ? 1.75 : 1;
    context.stroke(path);
  });
}

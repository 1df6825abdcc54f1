/** Histograms over steps as ridge lines, one behind the other, the newest in front. */
import type { Ink } from './ink';
import { columns, columnsFor, commonHeight, type Histogram } from './histogram';
import { makeScale, type Scale, type ScaleKind } from './scale';
import { sequential } from './colormap';

interface RidgeFrame {
  x: Scale;
  left: number;
  top: number;
  width: number;
  height: number;
  /** Baseline of each step, CSS pixels. */
  baselines: number[];
  /** Outline of each step from left to right: heights above its baseline, CSS pixels. */
  outlines: Float64Array[];
}

const LEFT = 8;
const RIGHT = 52;
const BOTTOM = 20;
const SPARE = 3;

/** Height of a ridge relative to the usual one; the few that are much taller are compressed, to at most twice that. */
const tamed = (share: number) => (share <= 1 ? share : 2 - 1 / share);

export function ridgeFrame(h: Histogram, kind: ScaleKind, range: readonly [number, number], width: number, height: number): RidgeFrame {
  const n = h.steps.length;
  const w = Math.max(10, width - LEFT - RIGHT);
  const room = Math.max(10, height - BOTTOM);
  const x = makeScale(kind, range[0], range[1], LEFT, LEFT + w);
  const shares = Array.from(h.steps, (_, step) => columns(h, step, x.bend, range[0], range[1], columnsFor(h)));
  const most = commonHeight(shares);
  // Ridges overlap: each may be four times as tall as their spacing, but at most a third of the chart.
  const rise = Math.min(room / 3, Math.max(18, (4 * room) / Math.max(n, 4)));
  const outlines = shares.map((row) => row.map((share) => tamed(share / most) * rise));
  const first = firstBaseline(outlines.map((row) => row.reduce((a, b) => Math.max(a, b), 0)), room);
  const gap = n > 1 ? (room - first) / (n - 1) : 0;
  return { x, left: LEFT, top: 0, width: w, height: room, baselines: outlines.map((_, i) => first + i * gap), outlines };
}

/** The highest position of the first baseline at which no ridge reaches beyond the top; the last baseline is the bottom. */
function firstBaseline(heights: readonly number[], room: number): number {
  const last = heights.length - 1;
  if (last < 1) return room;
  const wants = heights.slice(0, last).map((height, i) => (height + SPARE - (i / last) * room) / (1 - i / last));
  return Math.min(room, Math.max(SPARE, ...wants));
}

/** The step that a height points at: the ridge whose baseline is nearest, slightly below. */
export function ridgeAt(frame: RidgeFrame, y: number): number {
  const { baselines } = frame;
  if (!baselines.length) return -1;
  const gap = baselines.length > 1 ? baselines[1]! - baselines[0]! : 1;
  return Math.min(baselines.length - 1, Math.max(0, Math.ceil((y - baselines[0]!) / gap - 0.15)));
}

/** Colour of a ridge, from the oldest (0) to the newest (1): the part of the scale that is legible on the page, 3:1 at least. */
export function ridgeColor(share: number, isDark: boolean): string {
  return sequential.css(isDark ? 0.45 + 0.5 * share : 0.55 - 0.5 * share);
}

/** `lit`: the highlighted step. */
export function drawRidges(context: CanvasRenderingContext2D, frame: RidgeFrame, ink: Ink, lit: number): void {
  const surface = `rgb(${ink.surface.join(' ')})`;
  context.lineJoin = 'round';
  frame.outlines.forEach((row, step) => {
    const base = frame.baselines[step]!;
    const share = frame.outlines.length > 1 ? step / (frame.outlines.length - 1) : 1;
    const color = ridgeColor(share, ink.dark);
    const path = new Path2D();
    path.moveTo(frame.left, base);
    for (let i = 0; i < row.length; i++) {
      path.lineTo(frame.left + ((i + 0.5) / row.length) * frame.width, base - row[i]!);
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

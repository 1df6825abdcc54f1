/** Draws above the lines of a chart: the crosshair with its dots, and the frame of a drag. */
import type { Ink } from './ink';
import type { Frame } from './plot';
import type { Reading } from './readings';
import { dragKind } from './zoom';

/** A drag in progress, CSS pixels. */
export interface Drag {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  both: boolean;
}

export interface Crosshair {
  /** In units of x. */
  at: number;
  /** Held by the pointer in this chart, not in another one. */
  held: boolean;
  readings: readonly Reading[];
  nearest: Reading | null;
}

const MOST_DOTS = 40;

/** The range to zoom to if the pointer were released now. */
export function drawDrag(context: CanvasRenderingContext2D, frame: Frame, { x0, y0, x1, y1, both }: Drag, look: Ink): void {
  const kind = dragKind(x1 - x0, y1 - y0, both);
  if (kind === 'none') return;
  const [left, right] = kind === 'y' ? [frame.left, frame.left + frame.width] : [x0, x1];
  const [top, bottom] = kind === 'x' ? [frame.top, frame.top + frame.height] : [y0, y1];
  context.fillStyle = look.accent;
  context.globalAlpha = 0.13;
  context.fillRect(left, top, right - left, bottom - top);
  context.globalAlpha = 0.6;
  context.strokeStyle = look.accent;
  context.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
  context.globalAlpha = 1;
}

export function drawCrosshair(context: CanvasRenderingContext2D, frame: Frame, { at, held, readings, nearest }: Crosshair, look: Ink): void {
  const px = frame.x.at(at);
  if (!(px >= frame.left - 1 && px <= frame.left + frame.width + 1)) return;
  context.fillStyle = look.text3;
  context.globalAlpha = held ? 0.75 : 0.45;
  context.fillRect(Math.round(px), frame.top, 1, frame.height);
  context.globalAlpha = 1;
  const dots = readings.length > MOST_DOTS ? (nearest ? [nearest] : []) : readings;
  for (const reading of dots) {
    if (!(reading.py >= frame.top - 2 && reading.py <= frame.top + frame.height + 2)) continue;
    context.beginPath();
    context.arc(reading.px, reading.py, reading === nearest ? 4 : 2.75, 0, 7);
    context.fillStyle = reading.curve.color;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = `rgb(${look.surface.join(' ')})`;
    context.stroke();
  }
}

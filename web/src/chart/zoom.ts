/** Windows of an axis after a drag, a wheel turn, a pinch or a pan; null stands for the whole extent. */
import type { Scale } from './scale';

export type Window = readonly [number, number] | null;

/** A drag from one corner to the other: horizontally zooms x, vertically y, with Shift or if long in both directions both. */
export function dragKind(dx: number, dy: number, both: boolean): 'none' | 'x' | 'y' | 'box' {
  const [across, down] = [Math.abs(dx), Math.abs(dy)];
  if (Math.max(across, down) < 5) return 'none';
  if (both) return across >= 5 && down >= 5 ? 'box' : across > down ? 'x' : 'y';
  if (down > 24 && across > 24 && down > across * 0.6) return across > down * 1.6 ? 'x' : down > across * 1.6 ? 'y' : 'box';
  return across >= down ? 'x' : 'y';
}

/** The values between two pixels, ascending. */
export function between(scale: Scale, from: number, to: number): [number, number] {
  const [a, b] = [scale.invert(from), scale.invert(to)];
  return a < b ? [a, b] : [b, a];
}

/**
 * The window after zooming by `by` (below 1: closer) around a pixel; never beyond `whole`, null when it is all of it.
 *
 * Zooming happens in the scale's own space, so that a logarithmic axis zooms by decades.
 */
export function zoomed(scale: Scale, around: number, by: number, whole: readonly [number, number]): Window {
  const low = scale.at(scale.low);
  const high = scale.at(scale.high);
  return inside(scale.invert(around + (low - around) * by), scale.invert(around + (high - around) * by), whole);
}

/** The window moved by pixels: it stops at the ends and keeps its size. */
export function panned(scale: Scale, pixels: number, whole: readonly [number, number]): Window {
  const low = scale.at(scale.low);
  const high = scale.at(scale.high);
  const sign = Math.sign(high - low);
  const room = [(scale.at(whole[0]) - low) * sign, (scale.at(whole[1]) - high) * sign] as const;
  const shift = Math.min(Math.max(-pixels * sign, Math.min(room[0], 0)), Math.max(room[1], 0)) * sign;
  return inside(scale.invert(low + shift), scale.invert(high + shift), whole);
}

function inside(low: number, high: number, whole: readonly [number, number]): Window {
  const from = Math.max(low, whole[0]);
  const to = Math.min(high, whole[1]);
  const span = whole[1] - whole[0];
  if (from <= whole[0] + span * 1e-9 && to >= whole[1] - span * 1e-9) return null;
  // Closer than the numbers can resolve, or outside of everything: back to the whole extent.
  return to - from > Math.max(Math.abs(to), Math.abs(from)) * 1e-12 ? [from, to] : null;
}

/** Two thinnings of one series into one: the overview outside of a window, the detail inside it. */

import type { Xs } from '../api/client';

export type Ys = Float32Array | Float64Array;

export interface Points {
  x: Xs;
  y: Ys;
}

/**
 * The overview's points before and after the detail's, and the detail's in between.
 *
 * What lies left of a zoomed window still decides where the running mean stands at its edge, so a zoomed chart keeps it.
 */
export function mergeDetail(overview: Points, detail: Points): Points {
  const n = detail.x.length;
  if (n === 0) return overview;
  const first = detail.x[0]!;
  const last = detail.x[n - 1]!;
  let before = 0;
  while (before < overview.x.length && overview.x[before]! < first) before++;
  let after = overview.x.length;
  while (after > before && overview.x[after - 1]! > last) after--;
  const tail = overview.x.length - after;
  const x = new Float64Array(before + n + tail);
  const exact = overview.y instanceof Float64Array || detail.y instanceof Float64Array;
  const y = exact ? new Float64Array(before + n + tail) : new Float32Array(before + n + tail);
  x.set(overview.x.subarray(0, before));
  y.set(overview.y.subarray(0, before));
  x.set(detail.x, before);
  y.set(detail.y, before);
  x.set(overview.x.subarray(after), before + n);
  y.set(overview.y.subarray(after), before + n);
  return { x, y };
}

/** Merges two thinned versions of one series: the overview outside a window, the detail inside it. */

import type { Xs } from '../api/client';

export type Ys = Float32Array | Float64Array;

export interface Points {
  x: Xs;
  /** As logged. */
  y: Ys;
  /** The moving average; the same array as `y` if the values did not come with it; null without smoothing. */
  smoothed: Ys | null;
}

/** The overview's points before and after the detail's, and the detail's in between, so that the surroundings are there when the window moves. */
export function mergeDetail(overview: Points, detail: Points): Points {
  const n = detail.x.length;
  if (n === 0) return overview;
  const first = detail.x[0]!;
  const last = detail.x[n - 1]!;
  let before = 0;
  while (before < overview.x.length && overview.x[before]! < first) before++;
  let after = overview.x.length;
  while (after > before && overview.x[after - 1]! > last) after--;
  const total = before + n + overview.x.length - after;
  const merge = <T extends Xs | Ys>(made: T, outer: Xs | Ys, inner: Xs | Ys): T => {
    made.set(outer.subarray(0, before));
    made.set(inner, before);
    made.set(outer.subarray(after), before + n);
    return made;
  };
  const values = (outer: Ys, inner: Ys) => {
    const exact = outer instanceof Float64Array || inner instanceof Float64Array;
    return merge(exact ? new Float64Array(total) : new Float32Array(total), outer, inner);
  };
  const x = merge(new Float64Array(total), overview.x, detail.x);
  const y = values(overview.y, detail.y);
  if (!overview.smoothed || !detail.smoothed) return { x, y, smoothed: null };
  const isMeanAlone = overview.smoothed === overview.y || detail.smoothed === detail.y;
  return { x, y, smoothed: isMeanAlone ? y : values(overview.smoothed, detail.smoothed) };
}

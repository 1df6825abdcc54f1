/** Finds the point of an ascending column nearest to x. */

/** Index of the first value that is not below `x`, in [start, end). */
export function lowerBound(xs: ArrayLike<number>, x: number, start = 0, end = xs.length): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the value nearest to `x` in [start, end), the earlier of two equally near; -1 when there is none. */
export function nearest(xs: ArrayLike<number>, x: number, start = 0, end = xs.length): number {
  if (end <= start) return -1;
  const at = lowerBound(xs, x, start, end);
  if (at === start) return start;
  if (at === end) return end - 1;
  return x - xs[at - 1]! <= xs[at]! - x ? at - 1 : at;
}

/** Index of the step to show for a selected one: the last at or before it, otherwise the first; the last of all for null; -1 without steps. */
export function shownStep(steps: ArrayLike<number>, wish: number | null): number {
  if (wish === null || !steps.length) return steps.length - 1;
  const at = lowerBound(steps, wish);
  return steps[at] === wish ? at : Math.max(0, at - 1);
}

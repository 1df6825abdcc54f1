/** Moving along the logged steps: arithmetic of the scrubber. */
import { shownStep } from '../../chart/nearest';

/** Ascending steps without repetition. */
export function union(columns: readonly ArrayLike<number>[]): Float64Array {
  const all = new Float64Array(columns.reduce((sum, column) => sum + column.length, 0));
  let n = 0;
  for (const column of columns) for (let i = 0; i < column.length; i++) all[n++] = column[i]!;
  all.sort();
  let kept = 0;
  for (let i = 0; i < n; i++) if (i === 0 || all[i] !== all[kept - 1]) all[kept++] = all[i]!;
  return all.slice(0, kept);
}

/** The step `by` logged steps away, clamped at the ends; null (the latest) if it is the last one and `follow`. */
export function along(steps: Float64Array, wish: number | null, by: number, follow: boolean): number | null {
  const at = Math.min(steps.length - 1, Math.max(0, shownStep(steps, wish) + by));
  return follow && at === steps.length - 1 ? null : (steps[at] ?? null);
}

/** How many logged steps to advance in `seconds` of playing: all of them in about 20 s at speed 1, but at least 4 per second. */
export function stride(n: number, seconds: number, speed: number): number {
  return seconds * Math.max(4, n / 20) * speed;
}

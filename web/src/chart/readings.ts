/** The values of the curves at one x: the rows of a tooltip, sorted, with the one nearest to the pointer. */
import { nearest } from './nearest';
import { shown, type Curve, type Frame } from './plot';

export interface Reading {
  curve: Curve;
  /** Index of the point in the curve. */
  at: number;
  x: number;
  /** As logged; null if only the moving average is known. */
  value: number | null;
  /** As drawn: the moving average if there is one. */
  smoothed: number;
  /** If runs of a group are missing: how many have a value, and how many there are. */
  of: readonly [number, number] | null;
  /** CSS pixels. */
  px: number;
  py: number;
}

/** Identifies a line among all of a chart. */
export const lineName = (id: string, key: string) => `${id}\n${key}`;

export type TooltipSort = 'default' | 'descending' | 'ascending' | 'nearest' | 'name';
export const TOOLTIP_SORTS: readonly TooltipSort[] = ['descending', 'ascending', 'nearest', 'name', 'default'];

/** A curve is listed if its end is within this many pixels of x. */
const REACH_PX = 24;

/** The value of every curve near `x`; curves that end before or begin after it are left out, and so are ghosts. */
export function readingsAt(curves: readonly Curve[], x: number, frame: Frame): Reading[] {
  const found: Reading[] = [];
  const px = frame.x.at(x);
  for (const curve of curves) {
    if (curve.ghost) continue;
    const at = nearest(curve.x, x);
    if (at < 0) continue;
    const here = frame.x.at(curve.x[at]!);
    const ends = at === 0 || at === curve.x.length - 1;
    if (ends && Math.abs(here - px) > REACH_PX && (at === 0 ? px < here : px > here)) continue;
    const value = curve.smoothed === curve.y ? null : curve.y[at]!;
    const smoothed = shown(curve)[at]!;
    const [n, nRuns] = [curve.runs?.[at] ?? 1, curve.nRuns ?? 1];
    found.push({ curve, at, x: curve.x[at]!, value, smoothed, of: n < nRuns ? [n, nRuns] : null, px: here, py: frame.y.at(smoothed) });
  }
  return found;
}

/** The reading whose point is nearest to a height; null if there is none. */
export function nearestReading(readings: readonly Reading[], py: number): Reading | null {
  let best: Reading | null = null;
  let distance = Infinity;
  for (const reading of readings) {
    const apart = Math.abs(reading.py - py);
    if (apart < distance || best === null) [best, distance] = [reading, apart];
  }
  return best;
}

/** Sorted, and cut to `most` rows around (in any order but "default": including) the nearest one. */
export function tooltipRows(
  readings: readonly Reading[],
  sort: TooltipSort,
  py: number,
  most: number,
): { rows: Reading[]; nearest: Reading | null; left: number } {
  const near = nearestReading(readings, py);
  const size = (reading: Reading) => (Number.isNaN(reading.smoothed) ? -Infinity : reading.smoothed);
  const orders: Record<TooltipSort, (a: Reading, b: Reading) => number> = {
    default: () => 0,
    descending: (a, b) => order(size(b), size(a)),
    ascending: (a, b) => order(size(a), size(b)),
    nearest: (a, b) => order(Math.abs(a.py - py), Math.abs(b.py - py)),
    name: (a, b) => a.curve.name.localeCompare(b.curve.name, undefined, { numeric: true }),
  };
  const sorted = [...readings].sort(orders[sort]);
  if (sorted.length <= most) return { rows: sorted, nearest: near, left: 0 };
  // A window around the nearest row, so that it is always among those shown.
  const middle = near ? sorted.indexOf(near) : 0;
  const start = Math.min(Math.max(0, middle - Math.floor(most / 2)), sorted.length - most);
  return { rows: sorted.slice(start, start + most), nearest: near, left: sorted.length - most };
}

function order(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

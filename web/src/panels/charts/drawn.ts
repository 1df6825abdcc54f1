/** Turns loaded points into curves with names and colours. */
import type { AxisKind, Curve } from '../../chart/plot';
import { clockTime, exactDuration, number, thousands } from '../../i18n/numbers';
import type { GroupCurve } from './groupedSeries.svelte';
import type { Points } from './loader';
import { isStepwise } from './looks';

export interface Pen {
  id: string;
  name: string;
  color: string;
}

/** Pen and name for the lines of a key of a run. */
export type LinePen = Pen & Pick<Curve, 'key' | 'dash'>;

/**
 * The curves of one key of a run: its line and the tails that it replaced. `picksMean`: a series that looks like a staircase, such as a schedule,
 * is drawn as it was logged.
 */
export function curvesOfRun(pen: LinePen, lines: readonly Points[], picksMean = true): Curve[] {
  return lines
    .filter((points) => points.x.length > 0)
    .map(({ x, y, smoothed, ghost }) => {
      // The mean of a single point is the point.
      const isPlain = x.length < 2 || (picksMean && smoothed !== y && isStepwise(y));
      return { ...pen, x, y, smoothed: isPlain ? null : smoothed, ghost };
    });
}

/** The curve of a group: its mean with a band, and how many of its runs have a value at each point. */
export function curveOfGroup(pen: LinePen, { x, mean, smoothed, low, high, runs, nRuns }: GroupCurve): Curve {
  return { ...pen, x, y: mean, smoothed: x.length > 1 ? smoothed : null, low, high, runs, nRuns, ghost: false };
}

/** What kind of axis an x of the API needs. */
export function axisOf(x: string, log: boolean): AxisKind {
  if (x === 'time') return 'time';
  if (log) return 'log';
  return x === 'relative' ? 'duration' : 'linear';
}

/** Format x for a tooltip. */
export function sayX(x: string, value: number, step: (text: string) => string): string {
  if (x === 'step') return step(thousands(Math.round(value)));
  if (x === 'relative') return exactDuration(value);
  if (x === 'time') return `${clockTime(value, 86400)} ${clockTime(value, 1)}`;
  return `${x} ${number(value)}`;
}

/** Names of runs; if two are equal, each gets the end of its id. */
export function distinctNames(runs: readonly { id: string; name: string }[]): Map<string, string> {
  const seen = new Map<string, number>();
  for (const { name } of runs) seen.set(name, (seen.get(name) ?? 0) + 1);
  return new Map(runs.map(({ id, name }) => [id, seen.get(name)! > 1 ? `${name} ${id.slice(-4)}` : name]));
}

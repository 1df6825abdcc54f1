/** From points as loaded to curves as drawn: names, colours, running means. */
import type { Ys } from '../../chart/merge';
import type { AxisKind, Curve } from '../../chart/plot';
import { formatClock, formatDuration, formatValue } from '../../chart/scale';
import { thousands } from '../../i18n/thousands';
import { smooth, smoothingUnit } from '../../chart/smooth';
import type { GroupCurve } from './groups.svelte';
import type { Points } from './loader';

// Points are replaced, never changed; so a mean once computed is right for as long as its points live.
const means = new WeakMap<Ys, { weight: number; unit: number; mean: Float64Array }>();

function meanOf(points: Points, overview: Points, weight: number): Float64Array | null {
  if (!(weight > 0) || points.x.length < 2) return null;
  const { x } = overview;
  const unit = smoothingUnit(x[0] ?? 0, x[x.length - 1] ?? 0, overview.nLogged);
  const known = means.get(points.y);
  if (known?.weight === weight && known.unit === unit) return known.mean;
  const mean = smooth(points.x, points.y, { weight, unit });
  means.set(points.y, { weight, unit, mean });
  return mean;
}

export interface Pen {
  id: string;
  name: string;
  color: string;
}

/** The curves of one run: its line and the tails that it replaced. */
export function curvesOfRun(pen: Pen, lines: readonly Points[], overview: readonly Points[], weight: number): Curve[] {
  return lines
    .map((points, i) => ({
      ...pen,
      x: points.x,
      y: points.y,
      smoothed: meanOf(points, overview[i] ?? points, weight),
      ghost: points.ghost,
    }))
    .filter((curve) => curve.x.length > 0);
}

/** The curve of a group: its mean with a band. A smoothed mean keeps its band as it is. */
export function curveOfGroup(pen: Pen, { x, mean, low, high, nLogged }: GroupCurve, weight: number): Curve {
  const points = { x, y: mean, nLogged: Math.max(x.length, nLogged), ghost: false };
  return { ...pen, x, y: mean, low, high, smoothed: meanOf(points, points, weight), ghost: false };
}

/** What kind of axis an x of the API needs. */
export function axisOf(x: string, log: boolean): AxisKind {
  if (x === 'time') return 'time';
  if (log) return 'log';
  return x === 'relative' ? 'duration' : 'linear';
}

/** An x as a tooltip says it. */
export function sayX(x: string, value: number, step: (text: string) => string): string {
  if (x === 'step') return step(thousands(Math.round(value)));
  if (x === 'relative') return formatDuration(value);
  if (x === 'time') return `${formatClock(value, 86400)} ${formatClock(value, 1)}`;
  return `${x} ${formatValue(value)}`;
}

/** Names of runs; where two are alike each gets the end of its id. */
export function distinctNames(runs: readonly { id: string; name: string }[]): Map<string, string> {
  const seen = new Map<string, number>();
  for (const { name } of runs) seen.set(name, (seen.get(name) ?? 0) + 1);
  return new Map(runs.map(({ id, name }) => [id, seen.get(name)! > 1 ? `${name} ${id.slice(-4)}` : name]));
}

/** Loads the logged values at the points of a tooltip when the pointer rests, since charts of many runs do not have them. */
import { api, ApiError, type Curves } from '../../api/client';
import type { Kind } from '../../api/schema.gen';
import type { AtPoint, LoggedAt } from '../../chart/LineChart.svelte';
import { lowerBound } from '../../chart/nearest';
import { lineName, type Reading } from '../../chart/readings';

/** Columns to request: runs logged at different steps have a few more points between the outermost. */
const PX = 100;
const NONE: ReadonlyMap<string, AtPoint> = new Map();

export function loggedOf(kind: Kind, x: string): LoggedAt {
  return async (rows) => {
    const finite = rows.filter((row) => Number.isFinite(row.x));
    if (!finite.length) return NONE;
    const places = new Map(finite.map((row) => [lineName(row.curve.id, row.curve.key), row.x]));
    const [low, high] = [Math.min(...places.values()), Math.max(...places.values())];
    // If x is a time itself, there is nothing to add.
    const times = x !== 'time' && x !== 'relative';
    if (!times && finite.every((row) => row.value !== null)) return NONE;
    const distinct = (of: (row: Reading) => string) => [...new Set(finite.map(of))];
    try {
      const runs = distinct((row) => row.curve.id);
      return pick(await api.series({ runs, keys: distinct((row) => row.curve.key), kind, x, low, high, px: PX, times }), places);
    } catch (error) {
      // The tooltip works without them; the live channel reports a lost server.
      if (!(error instanceof ApiError)) throw error;
      return NONE;
    }
  };
}

/** The logged value of each line at its x, for lines with a point exactly there. */
export function pick({ series, x, y, time }: Curves, places: ReadonlyMap<string, number>): ReadonlyMap<string, AtPoint> {
  const found = new Map<string, AtPoint>();
  for (const { run, key, ghost, start, x_start: from, n } of series) {
    const place = places.get(lineName(run, key));
    if (ghost || place === undefined) continue;
    const at = lowerBound(x, place, from, from + n);
    const value = y?.[start + at - from];
    if (at >= from + n || x[at] !== place || value === undefined) continue;
    const since = time?.[start + at - from];
    found.set(lineName(run, key), { value, time: Number.isNaN(since) ? undefined : since });
  }
  return found;
}

/** When the points of a tooltip were logged: asked for these points alone, so that charts do not carry times along. */
import { api, ApiError, type Curves } from '../../api/client';
import type { Kind } from '../../api/schema.gen';
import type { Times } from '../../chart/LineChart.svelte';
import { lowerBound } from '../../chart/nearest';

/** Columns asked for: runs that are logged at different steps have a few more points between the outermost. */
const PX = 100;
const NONE: ReadonlyMap<string, number> = new Map();

export function timesOf(key: string, kind: Kind, x: string): Times {
  return async (rows) => {
    const finite = rows.filter((row) => Number.isFinite(row.x));
    if (!finite.length) return NONE;
    const places = new Map(finite.map((row) => [row.curve.id, row.x]));
    const [low, high] = [Math.min(...places.values()), Math.max(...places.values())];
    try {
      return pick(await api.series({ runs: [...places.keys()], keys: [key], kind, x, low, high, px: PX, times: true }), places);
    } catch (error) {
      // The tooltip stands without them; the live channel tells when the server is away.
      if (!(error instanceof ApiError)) throw error;
      return NONE;
    }
  };
}

/** The time of each run's point at its place; of runs without a point exactly there, nothing. */
export function pick({ series, x, time }: Curves, places: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { run, ghost, start, x_start: from, n } of series) {
    const place = places.get(run);
    if (ghost || place === undefined) continue;
    const at = lowerBound(x, place, from, from + n);
    const value = time?.[start + at - from];
    if (at < from + n && x[at] === place && value !== undefined && !Number.isNaN(value)) found.set(run, value);
  }
  return found;
}

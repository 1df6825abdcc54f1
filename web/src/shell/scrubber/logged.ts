/** Finds the steps that can be selected: those of series, of watched layers, or of media and histograms. */
import { api } from '../../api/client';
import { askOwn, histogramKeys } from '../../panels/histograms/logged';
import type { StepSource } from '../../views/registry';
import { union } from './steps';

/** As many runs as Media shows. */
const MEDIA_RUNS = 12;
/** Limits: series per request, keys that are searched for steps, and points in total. */
const MOST_SERIES = 400;
const MOST_KEYS = 24;
const MOST_POINTS = 100_000;
/** Columns of a chart as wide as the screen: a slider cannot distinguish more steps. */
const WIDE_PX = 1000;

/** The steps of these runs that can be selected. */
export async function stepsOf(runs: readonly string[], source: StepSource, signal: AbortSignal): Promise<Float64Array> {
  if (source === 'media') {
    const some = runs.slice(0, MEDIA_RUNS);
    const [assets, own] = await Promise.all([Promise.all(some.map((id) => api.assets(id, {}, signal))), Promise.all(some.map((id) => stepsOfHistograms(id, signal)))]);
    return union([...assets.map((reply) => reply.assets.map((asset) => asset.step)), ...own]);
  }
  if (source === 'layers') {
    const { steps } = await api.layers(runs[0]!, signal);
    if (steps.length) return union([steps]);
  }
  return stepsOfSeries(runs, signal);
}

/** Steps of a run's first histogram, as its card requests them. */
async function stepsOfHistograms(id: string, signal: AbortSignal): Promise<ArrayLike<number>> {
  const [key] = await histogramKeys(id, signal);
  return key === undefined ? [] : (await askOwn(id, key, signal)).steps;
}

/**
 * Steps of series. Keys may be logged at different steps, so several keys are used.
 *
 * With too many runs for that: several keys of some runs, and the key with most points of all runs.
 */
async function stepsOfSeries(runs: readonly string[], signal: AbortSignal): Promise<Float64Array> {
  const scalars = (await api.keys(runs, signal)).keys.filter((one) => one.kind === 'scalar').sort((a, b) => b.n_runs - a.n_runs);
  const keys = spread(scalars.map((one) => one.key), MOST_KEYS);
  if (!keys.length) return union([]);
  const some = spread(runs, Math.max(1, Math.floor(MOST_SERIES / keys.length)));
  const first = await ask(some, keys, signal);
  const found = [first.x];
  if (some.length < runs.length) {
    const n = new Map<string, number>();
    for (const { key, n_logged: more } of first.series) n.set(key, (n.get(key) ?? 0) + more);
    const densest = keys.reduce((best, key) => ((n.get(key) ?? 0) > (n.get(best) ?? 0) ? key : best));
    found.push((await ask(runs, [densest], signal)).x);
  }
  return union(found);
}

function ask(runs: readonly string[], keys: readonly string[], signal: AbortSignal) {
  const px = Math.max(50, Math.min(WIDE_PX, Math.floor(MOST_POINTS / 2 / (runs.length * keys.length))));
  return api.series({ runs: [...runs], keys: [...keys], px, x: 'step', low: null, high: null, kind: 'scalar' }, signal);
}

/** At most `most` items of a list, evenly spread over it, including the first. */
export function spread<T>(list: readonly T[], most: number): T[] {
  const n = Math.min(most, list.length);
  return Array.from({ length: n }, (_, i) => list[Math.floor((i * list.length) / n)]!);
}

/** Histograms logged with `run.histogram`: their keys, and one of them over the steps. */
import { byName } from '../../i18n/text';
import { api } from '../../api/client';
import type { Histogram } from '../../chart/histogram';

/** A card cannot show more steps. */
const STEPS = 160;

/** Keys of a run's histograms, in order. */
export async function histogramKeys(run: string, signal?: AbortSignal): Promise<string[]> {
  return (await api.keys([run], signal)).keys.filter((one) => one.kind === 'histogram').map((one) => one.key);
}

export async function askOwn(run: string, key: string, signal?: AbortSignal): Promise<Histogram> {
  const reply = await api.histograms(run, key, { n: STEPS }, signal);
  return { ...reply, zeros: new Float32Array(reply.steps.length), own: true };
}

/** A key of a run. */
export interface Place {
  key: string;
  run: string;
}

/** The histograms to show, ordered by key, then by run. */
export function places(keys: ReadonlyMap<string, readonly string[]>, fits: (key: string) => boolean): Place[] {
  const all = [...keys].flatMap(([run, list]) => list.filter(fits).map((key) => ({ key, run })));
  // Sorting keeps the order of the runs.
  return all.sort((a, b) => byName(a.key, b.key));
}

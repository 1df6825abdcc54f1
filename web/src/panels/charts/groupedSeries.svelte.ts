/** Fetches the mean and band of grouped runs for one key. */
import { api, type Bands, type Xs } from '../../api/client';
import { Resource, unlessGone } from '../../state/resource.svelte';
import type { Band } from './settings.svelte';
import type { Window } from '../../chart/zoom';

interface GroupWish {
  /** Runs of each group. */
  groups: readonly (readonly string[])[];
  /** Changes when any of the runs grows. */
  revision: string;
  key: string;
  x: string;
  px: number;
  band: Band;
  window: Window;
  /** Weight of the moving average of each run; 0: none. */
  smooth: number;
}

export interface GroupCurve {
  group: number;
  x: Xs;
  mean: Float32Array;
  low: Float32Array;
  high: Float32Array;
  smoothed: Float32Array | null;
  /** How many of its runs have a value at each point, and how many have the key. */
  runs: Int32Array;
  nRuns: number;
}

export class GroupedSeries extends Resource<readonly GroupCurve[]> {
  #smooth = 0;

  constructor() {
    super({ calmMs: 1000, keepsOthers: true });
  }

  update(wish: GroupWish): void {
    const { revision, smooth, ...subject } = wish;
    // While the smoothing slider is being dragged, each answer is shown.
    const isSmoothedAnew = smooth !== this.#smooth;
    this.#smooth = smooth;
    void this.ask(JSON.stringify(subject), `${revision} ${smooth}`, (signal) => ask(wish, signal), isSmoothedAnew);
  }
}

async function ask(wish: GroupWish, signal: AbortSignal): Promise<GroupCurve[]> {
  const [low, high] = wish.window ?? [null, null];
  const groups = wish.groups.map((group) => [...group]);
  const { key, px, x, band, smooth } = wish;
  return curvesOf(await api.groups({ groups, keys: [key], px, x, low, high, band, smooth }, signal).catch(unlessGone));
}

function curvesOf(reply: Bands): GroupCurve[] {
  return reply.series.map(({ run, start, x_start: from, n, n_runs: nRuns }) => ({
    group: Number(run),
    x: reply.x.subarray(from, from + n),
    mean: reply.mean.subarray(start, start + n),
    low: reply.low.subarray(start, start + n),
    high: reply.high.subarray(start, start + n),
    smoothed: reply.smoothed?.subarray(start, start + n) ?? null,
    runs: reply.runs.subarray(start, start + n),
    nRuns,
  }));
}

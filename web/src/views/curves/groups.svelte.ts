/** Mean and band of grouped runs for one key. */
import { api, ApiError, type Bands, type Xs } from '../../api/client';
import { begin } from '../../chart/busy';
import type { Band } from './settings.svelte';
import type { Window } from '../../chart/zoom';

export interface GroupWish {
  /** Runs of each group. */
  groups: readonly (readonly string[])[];
  /** Changes when any of the runs grows. */
  revision: string;
  key: string;
  x: string;
  px: number;
  band: Band;
  window: Window;
  /** Weight of the running mean of each run; 0: none. */
  smooth: number;
}

export interface GroupCurve {
  group: number;
  x: Xs;
  mean: Float32Array;
  low: Float32Array;
  high: Float32Array;
  smoothed: Float32Array | null;
  /** How many of its runs count at each point, and how many have the key. */
  runs: Int32Array;
  nRuns: number;
}

const CALM_MS = 1000;

export class KeyGroups {
  curves = $state.raw<readonly GroupCurve[]>([]);
  problem = $state.raw<ApiError | null>(null);
  loaded = $state(false);
  #wish: GroupWish | null = null;
  /** What was asked for last. */
  #asked: GroupWish | null = null;
  #askedAt = -Infinity;
  #asking: AbortController | null = null;
  #later: ReturnType<typeof setTimeout> | undefined;

  update(wish: GroupWish): void {
    const before = this.#wish;
    this.#wish = wish;
    // What is under way is still worth seeing where only the smoothing changed or a run grew.
    if (before && !same(before, { ...wish, revision: before.revision, smooth: before.smooth })) this.#asking?.abort();
    this.#plan();
  }

  rest(): void {
    clearTimeout(this.#later);
    this.#wish = null;
    this.#asked = null;
  }

  #plan(): void {
    clearTimeout(this.#later);
    const wish = this.#wish;
    // One at a time: what is wished for meanwhile is asked for afterwards.
    if (!wish || this.#asking || same(wish, this.#asked)) return;
    const isGrown = same(wish, this.#asked && { ...this.#asked, revision: wish.revision });
    const wait = isGrown ? Math.max(0, this.#askedAt + CALM_MS - performance.now()) : 0;
    const done = isGrown ? () => undefined : begin();
    this.#later = setTimeout(() => void this.#ask(wish).finally(done), wait);
  }

  async #ask(wish: GroupWish): Promise<void> {
    this.#askedAt = performance.now();
    this.#asked = wish;
    this.#asking = new AbortController();
    try {
      const [low, high] = wish.window ?? [null, null];
      const groups = wish.groups.map((group) => [...group]);
      const { key, px, x, band, smooth } = wish;
      const reply = await api.groups({ groups, keys: [key], px, x, low, high, band, smooth }, this.#asking.signal);
      this.curves = curvesOf(reply);
      this.problem = null;
      this.loaded = true;
    } catch (error) {
      // A run that was deleted a moment ago: the list of runs will say so. Aborted: something else is wished for by now.
      if (error instanceof ApiError) this.problem = error.status === 404 ? null : error;
      else if (!(error instanceof DOMException)) throw error;
    } finally {
      this.#asking = null;
    }
    this.#plan();
  }
}

const same = (a: GroupWish, b: GroupWish | null) => JSON.stringify(a) === JSON.stringify(b);

export function curvesOf(reply: Bands): GroupCurve[] {
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

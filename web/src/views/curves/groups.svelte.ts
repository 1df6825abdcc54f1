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
}

export interface GroupCurve {
  group: number;
  x: Xs;
  mean: Float32Array;
  low: Float32Array;
  high: Float32Array;
  nLogged: number;
}

const CALM_MS = 1000;

export class KeyGroups {
  curves = $state.raw<readonly GroupCurve[]>([]);
  problem = $state.raw<ApiError | null>(null);
  loaded = $state(false);
  /** The last wish as text, and the same without its revision. */
  #asked = '';
  #subject = '';
  #askedAt = -Infinity;
  #later: ReturnType<typeof setTimeout> | undefined;

  update(wish: GroupWish): void {
    const name = JSON.stringify(wish);
    if (name === this.#asked) return;
    const subject = JSON.stringify({ ...wish, revision: '' });
    const grown = subject === this.#subject;
    this.#asked = name;
    this.#subject = subject;
    clearTimeout(this.#later);
    const done = grown ? () => undefined : begin();
    const wait = grown ? Math.max(0, this.#askedAt + CALM_MS - performance.now()) : 0;
    this.#later = setTimeout(() => void this.#ask(subject, wish).finally(done), wait);
  }

  rest(): void {
    clearTimeout(this.#later);
    this.#asked = '';
  }

  async #ask(subject: string, wish: GroupWish): Promise<void> {
    this.#askedAt = performance.now();
    try {
      const [low, high] = wish.window ?? [null, null];
      const groups = wish.groups.map((group) => [...group]);
      const reply = await api.groups({ groups, keys: [wish.key], px: wish.px, x: wish.x, low, high, band: wish.band });
      // A run that grew meanwhile is asked for again; what has come is shown.
      if (subject !== this.#subject) return;
      this.curves = curvesOf(reply);
      this.problem = null;
      this.loaded = true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A run that was deleted a moment ago: the list of runs will say so.
      this.problem = error.status === 404 ? null : error;
    }
  }
}

export function curvesOf(reply: Bands): GroupCurve[] {
  return reply.series.map(({ run, start, x_start: from, n, n_logged: nLogged }) => ({
    group: Number(run),
    x: reply.x.subarray(from, from + n),
    mean: reply.mean.subarray(start, start + n),
    low: reply.low.subarray(start, start + n),
    high: reply.high.subarray(start, start + n),
    nLogged,
  }));
}

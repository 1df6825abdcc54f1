/** The points of one key for all shown runs: requests only runs that are new or grew, and details of the zoomed window. */
import type { ApiError } from '../../api/client';
import type { Kind } from '../../api/schema.gen';
import { mergeDetail } from '../../chart/merge';
import { MOST_RAW } from '../../chart/plot';
import type { Window } from '../../chart/zoom';
import { Outdated, Resource, unlessGone } from '../../state/resource.svelte';
import { ask, columnsFor, type ByRun, type Points } from './loader';

/** How the points of a run were requested. */
interface Manner {
  x: string;
  /** Columns of the plot. */
  px: number;
  /** Weight of the moving average; 0: none. */
  smooth: number;
  /** Whether the logged values are needed beside the average. */
  logged: boolean;
}

interface Known extends Manner {
  revision: number;
  lines: readonly Points[];
}

export interface Wish {
  runs: readonly string[];
  /** Lines in the whole chart, if it has more than these runs. */
  nLines?: number;
  /** Changes when a run grows. */
  revision: (run: string) => number;
  x: string;
  width: number;
  window: Window;
  /** Weight of the moving average; 0: none. */
  smooth: number;
}

/** What a card requests: the points of one key. */
export type KeyedSeries = Pick<KeySeries, 'problem' | 'loaded' | 'lines' | 'update' | 'rest'>;

/** Where a card gets its points. */
export interface SeriesSource {
  readonly kind: Kind;
  /** `holder`: the chart whose axes they are for; the same key with other axes is requested separately. */
  get(key: string, holder?: string): KeyedSeries;
}

class KeySeries {
  readonly key: string;
  readonly kind: Kind;
  readonly #known = new Resource<ReadonlyMap<string, Known>>({ calmMs: 500, isOnBeat: true });
  /** Details of the window on screen; those of the previous window stay until the new ones have arrived. */
  readonly #detail = new Resource<ByRun>({ delayMs: 120, keepsOthers: true });
  /** Whether there is nothing to request. */
  #isIdle = $state(false);
  #wish: Wish | null = null;
  #manner: Manner = { x: '', px: 0, smooth: 0, logged: true };
  #turn = 0;

  constructor(key: string, kind: Kind) {
    this.key = key;
    this.kind = kind;
  }

  /** False until the first points have arrived. */
  get loaded(): boolean {
    return this.#isIdle || this.#known.value !== null;
  }

  get problem(): ApiError | null {
    return this.#known.problem;
  }

  /** Overview points of a run, with details of the window if they have arrived. */
  lines(run: string): readonly Points[] {
    const lines = this.#known.value?.get(run)?.lines ?? [];
    const detail = this.#detail.value?.get(run);
    if (!detail) return lines;
    return lines.map((line, i) => {
      const fine = detail[i];
      return fine && fine.ghost === line.ghost && fine.x.length ? { ...line, ...mergeDetail(line, fine) } : line;
    });
  }

  /** Call again whenever the request changed; cheap if there is nothing to load. */
  update(wish: Wish): void {
    const before = this.#manner;
    // A wider card needs finer points; a narrower one has more than it needs. The drawing stays until new points have arrived.
    const nLines = wish.nLines ?? wish.runs.length;
    const px = Math.max(columnsFor(wish.width, nLines), wish.x === before.x ? before.px : 0);
    // Behind very many averages, the logged values would not be visible.
    const logged = !(wish.smooth > 0) || nLines <= MOST_RAW;
    this.#wish = wish;
    this.#manner = { x: wish.x, px, smooth: wish.smooth, logged };
    const isSmoothedAnew = wish.smooth !== before.smooth || (logged && !before.logged);
    const stale = this.#stale();
    this.#isIdle = !stale.length;
    if (stale.length) {
      const isNew = stale.some((id) => !this.#known.value?.has(id));
      void this.#known.ask(wish.x, ++this.#turn, (signal) => this.#ask(signal, isNew || isSmoothedAnew), isNew || isSmoothedAnew);
    }
    this.#zoom(isSmoothedAnew);
  }

  /** Cancel pending requests when the card leaves. */
  rest(): void {
    this.#known.rest();
    this.#detail.rest();
  }

  #stale(): string[] {
    const { x, px, smooth, logged } = this.#manner;
    const { runs, revision } = this.#wish!;
    return runs.filter((id) => {
      const known = this.#known.value?.get(id);
      return !known || known.revision !== revision(id) || known.x !== x || known.px < px || known.smooth !== smooth || (logged && !known.logged);
    });
  }

  async #ask(signal: AbortSignal, hurry: boolean): Promise<ReadonlyMap<string, Known>> {
    const before = this.#known.value ?? new Map<string, Known>();
    const ids = this.#stale();
    if (!ids.length) return before;
    const manner = this.#manner;
    const { revision } = this.#wish!;
    const revisions = ids.map(revision);
    const isOutdated = () => signal.aborted || manner.smooth !== this.#manner.smooth || manner.logged !== this.#manner.logged;
    const byRun = await ask({ runs: ids, key: this.key, kind: this.kind, window: null, ...manner }, isOutdated, hurry).catch(unlessGone);
    return new Map([...before, ...ids.map((id, i) => [id, { ...manner, revision: revisions[i]!, lines: byRun.get(id) ?? [] }] as const)]);
  }

  #zoom(isSmoothedAnew: boolean): void {
    const { runs, revision, window } = this.#wish!;
    const manner = this.#manner;
    if (!window) return this.#detail.clear();
    const subject = `${manner.x} ${manner.px} ${window.join(' ')} ${runs.join()}`;
    const version = `${manner.smooth} ${manner.logged} ${runs.map(revision).join()}`;
    void this.#detail.ask(subject, version, (signal) => this.#askDetail(signal, runs, window, manner), isSmoothedAnew);
  }

  async #askDetail(signal: AbortSignal, runs: readonly string[], window: Window, manner: Manner): Promise<ByRun> {
    // If the overview has every logged point, there are no further details.
    const thinned = runs.filter((id) => this.#known.value?.get(id)?.lines.some((line) => line.nLogged > line.x.length));
    if (!thinned.length) throw new Outdated();
    const isOutdated = () => signal.aborted || manner.smooth !== this.#manner.smooth;
    return ask({ runs: thinned, key: this.key, kind: this.kind, window, ...manner }, isOutdated);
  }
}

/** Keeps points for a while after a card has left, so that scrolling back is instant. */
export class SeriesCache {
  readonly #all = new Map<string, KeySeries>();
  readonly #most: number;

  constructor(
    readonly kind: Kind,
    most = 120,
  ) {
    this.#most = most;
  }

  get(key: string, holder = ''): KeySeries {
    const name = holder ? `${holder}\n${key}` : key;
    const found = this.#all.get(name) ?? new KeySeries(key, this.kind);
    this.#all.delete(name);
    this.#all.set(name, found);
    if (this.#all.size > this.#most) this.#all.delete(this.#all.keys().next().value!);
    return found;
  }
}

/** The points of the Curves view. */
export const scalarSeries = new SeriesCache('scalar');

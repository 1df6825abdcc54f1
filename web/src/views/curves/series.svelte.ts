/** The points of one key for all shown runs: asks only for runs that are new or grew, and for the zoomed window in detail. */
import { ApiError } from '../../api/client';
import type { Kind } from '../../api/schema.gen';
import { begin } from '../../chart/busy';
import { mergeDetail } from '../../chart/merge';
import { MOST_RAW } from '../../chart/plot';
import type { Window } from '../../chart/zoom';
import { ask, columnsFor, Outdated, type ByRun, type Points } from './loader';

/** A growing chart is asked for no more often than this. */
const CALM_MS = 500;
const DETAIL_MS = 120;

interface Known {
  revision: number;
  lines: readonly Points[];
}

export interface Wish {
  runs: readonly string[];
  /** Changes when a run grows. */
  revision: (run: string) => number;
  x: string;
  width: number;
  window: Window;
  /** Weight of the running mean; 0: none. */
  smooth: number;
}

/** The points of one key, as a card asks for them. */
export type KeyedSeries = Pick<KeySeries, 'problem' | 'loaded' | 'lines' | 'update' | 'rest'>;

/** Where a card finds them. */
export interface SeriesSource {
  readonly kind: Kind;
  get(key: string): KeyedSeries;
}

export class KeySeries {
  readonly key: string;
  readonly kind: Kind;
  problem = $state.raw<ApiError | null>(null);
  /** False until the first points have come. */
  loaded = $state(false);
  #known = $state.raw<ReadonlyMap<string, Known>>(new Map());
  #detail = $state.raw<{ window: Window; lines: ByRun }>({ window: null, lines: new Map() });
  #x = '';
  #px = 0;
  #smooth = 0;
  #logged = true;
  /** The smoothing changed: nobody waits for the next beat. */
  #hurry = false;
  #asking = false;
  #detailed = '';
  /** What the detail is of, whatever its smoothing. */
  #subject = '';
  #turn = 0;
  #shownTurn = 0;
  #wish: Wish | null = null;
  #later: ReturnType<typeof setTimeout> | undefined;
  #detailLater: ReturnType<typeof setTimeout> | undefined;
  #waits: (() => void) | null = null;

  constructor(key: string, kind: Kind) {
    this.key = key;
    this.kind = kind;
  }

  /** Overview points of a run, with the window in detail where that has come. */
  lines(run: string): readonly Points[] {
    const lines = this.#known.get(run)?.lines ?? [];
    const detail = this.#detail.lines.get(run);
    if (!detail) return lines;
    return lines.map((line, i) => {
      const fine = detail[i];
      return fine && fine.ghost === line.ghost && fine.x.length ? { ...line, ...mergeDetail(line, fine) } : line;
    });
  }

  /** Call again whenever something of the wish changed; cheap when there is nothing to ask. */
  update(wish: Wish): void {
    this.#wish = wish;
    const px = columnsFor(wish.width, wish.runs.length);
    if (wish.x !== this.#x) {
      this.#known = new Map();
      this.#detail = { window: null, lines: new Map() };
      this.loaded = false;
    }
    // Behind very many means nobody sees what was logged.
    const logged = !(wish.smooth > 0) || wish.runs.length <= MOST_RAW;
    const isSmoothedAnew = wish.smooth !== this.#smooth || (logged && !this.#logged);
    // A wider card needs finer points; a narrower one has more than it needs. What was drawn stays until the new has come.
    if (wish.x !== this.#x || px > this.#px || isSmoothedAnew) this.#known = new Map([...this.#known].map(([id, k]) => [id, { ...k, revision: -1 }]));
    if (wish.x !== this.#x || px > this.#px) [this.#x, this.#px] = [wish.x, px];
    if (isSmoothedAnew) [this.#smooth, this.#logged, this.#hurry] = [wish.smooth, logged, true];
    this.#go();
    this.#zoom();
  }

  /** Stop what was planned, when the card leaves. */
  rest(): void {
    clearTimeout(this.#later);
    clearTimeout(this.#detailLater);
    this.#wish = null;
    this.#waits?.();
  }

  #stale(): string[] {
    const wish = this.#wish;
    return wish ? wish.runs.filter((id) => this.#known.get(id)?.revision !== wish.revision(id)) : [];
  }

  #go(): void {
    clearTimeout(this.#later);
    const stale = this.#stale();
    if (!stale.length) {
      this.#hurry = false;
      if (this.#wish) this.loaded = true;
      return;
    }
    if (this.#asking) return;
    const fresh = this.#hurry || stale.some((id) => !this.#known.has(id));
    // On the same beat for all charts, so that they share their requests.
    const wait = fresh ? 0 : CALM_MS - (performance.now() % CALM_MS);
    if (fresh) void this.#ask(stale, true);
    else this.#later = setTimeout(() => void this.#ask(this.#stale()), wait);
  }

  async #ask(ids: string[], hurry = false): Promise<void> {
    const wish = this.#wish;
    if (!wish || !ids.length) return;
    this.#asking = true;
    this.#hurry = false;
    const revisions = new Map(ids.map((id) => [id, wish.revision(id)]));
    const [x, px, smooth, logged] = [this.#x, this.#px, this.#smooth, this.#logged];
    const isOutdated = () => x !== this.#x || smooth !== this.#smooth || logged !== this.#logged;
    const done = begin();
    try {
      const byRun = await ask({ runs: ids, key: this.key, x, px, kind: this.kind, window: null, smooth, logged }, isOutdated, hurry);
      if (x === this.#x) {
        const next = new Map(this.#known);
        // A card that grew meanwhile needs finer points, and one that was smoothed anew asks again; what came is shown until then.
        for (const [id, revision] of revisions) next.set(id, { revision: px < this.#px || isOutdated() ? -1 : revision, lines: byRun.get(id) ?? [] });
        this.#known = next;
        this.loaded = true;
      }
      this.problem = null;
    } catch (error) {
      if (error instanceof ApiError) {
        // A run that was deleted a moment ago: the list of runs will say so, and then the others are asked for.
        this.problem = error.status === 404 ? null : error;
        // Not again until something changes: a server that is away is asked by the live channel alone.
        this.#wish = null;
      } else if (!(error instanceof Outdated)) throw error;
    } finally {
      this.#asking = false;
      done();
    }
    this.#go();
  }

  #zoom(): void {
    const wish = this.#wish;
    if (!wish) return;
    const subject = wish.window ? `${wish.x} ${wish.window.join(' ')} ${this.#px} ${wish.runs.map((id) => `${id}${wish.revision(id)}`).join()}` : '';
    const name = subject && `${subject} ${this.#smooth} ${this.#logged}`;
    if (name === this.#detailed) return;
    const isSmoothedAnew = subject === this.#subject;
    [this.#detailed, this.#subject] = [name, subject];
    clearTimeout(this.#detailLater);
    this.#waits?.();
    if (!wish.window) {
      this.#detail = { window: null, lines: new Map() };
      return;
    }
    this.#waits = begin();
    this.#detailLater = setTimeout(() => void this.#askDetail(name, subject, wish), isSmoothedAnew ? 0 : DETAIL_MS);
  }

  async #askDetail(name: string, subject: string, wish: Wish): Promise<void> {
    // Where the overview has every point that was logged there is nothing finer to ask for.
    const thinned = wish.runs.filter((id) => this.#known.get(id)?.lines.some((line) => line.nLogged > line.x.length));
    const turn = ++this.#turn;
    try {
      if (!thinned.length) return;
      const [smooth, logged] = [this.#smooth, this.#logged];
      const want = { runs: thinned, key: this.key, x: wish.x, px: this.#px, kind: this.kind, window: wish.window, smooth, logged };
      const lines = await ask(want, () => name !== this.#detailed);
      // While the smoothing is being dragged every answer is shown, in the order in which they were asked for.
      if (subject !== this.#subject || turn < this.#shownTurn) return;
      this.#shownTurn = turn;
      this.#detail = { window: wish.window, lines };
    } catch (error) {
      // The overview stays on screen; the live channel tells when the server is away.
      if (!(error instanceof ApiError || error instanceof Outdated)) throw error;
    } finally {
      if (name === this.#detailed) this.#waits?.();
    }
  }
}

/** Points stay for a while after a card has left, so that scrolling back is instant. */
export class SeriesCache {
  readonly #all = new Map<string, KeySeries>();
  readonly #most: number;

  constructor(
    readonly kind: Kind,
    most = 120,
  ) {
    this.#most = most;
  }

  get(key: string): KeySeries {
    const found = this.#all.get(key) ?? new KeySeries(key, this.kind);
    this.#all.delete(key);
    this.#all.set(key, found);
    if (this.#all.size > this.#most) this.#all.delete(this.#all.keys().next().value!);
    return found;
  }
}

/** Those of the Curves view. */
export const scalarSeries = new SeriesCache('scalar');

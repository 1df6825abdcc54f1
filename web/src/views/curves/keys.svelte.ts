/** The keys of the shown runs, of one kind: asked again, rarely, while runs grow. */
import { tick, untrack } from 'svelte';
import { api, ApiError } from '../../api/client';
import type { Key, Kind } from '../../api/schema.gen';
import { begin } from '../../chart/busy';

/** New keys of growing runs may wait this long. */
const CALM_MS = 2000;

export class KeyList {
  keys = $state.raw<readonly Key[]>([]);
  loaded = $state(false);
  problem = $state.raw<ApiError | null>(null);
  readonly #kind: Kind;
  /** Runs and revisions of the last question, to see what is new. */
  #who = '';
  #revision = '';
  #ids: readonly string[] = [];
  #askedAt = -Infinity;
  #later: ReturnType<typeof setTimeout> | undefined;
  #controller: AbortController | null = null;

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  /** Call in an `$effect` with the runs and a text that changes when they grow. Done when what is asked at once has come. */
  async update(ids: readonly string[], revision: string): Promise<void> {
    const who = ids.join();
    if (who === this.#who && revision === this.#revision) return;
    const other = who !== this.#who;
    this.#who = who;
    this.#revision = revision;
    this.#ids = ids;
    if (other) this.#controller?.abort();
    await untrack(() => this.#plan(other));
  }

  retry(): void {
    void this.#plan(true);
  }

  rest(): void {
    clearTimeout(this.#later);
    this.#controller?.abort();
    this.#who = '';
  }

  async #plan(now: boolean): Promise<void> {
    clearTimeout(this.#later);
    if (!this.#ids.length) {
      this.keys = [];
      return;
    }
    const wait = now ? 0 : this.#askedAt + CALM_MS - performance.now();
    if (wait > 0) this.#later = setTimeout(() => void this.#ask(), wait);
    else await this.#ask();
  }

  async #ask(): Promise<void> {
    const done = begin();
    this.#askedAt = performance.now();
    this.#controller = new AbortController();
    try {
      const reply = await api.keys(this.#ids, this.#controller.signal);
      const keys = reply.keys.filter((key) => key.kind === this.#kind);
      if (keys.length !== this.keys.length || keys.some((key, i) => key.key !== this.keys[i]!.key)) this.keys = keys;
      this.loaded = true;
      this.problem = null;
    } catch (error) {
      // Aborted: a newer question is on its way.
      if (error instanceof ApiError) this.problem = error;
      else if (!(error instanceof DOMException)) throw error;
    } finally {
      // After the cards that the answer brings have said what they wait for.
      void tick().then(done);
    }
  }
}

/** Those of the Curves view; asked for before the page is built. */
export const scalars = new KeyList('scalar');

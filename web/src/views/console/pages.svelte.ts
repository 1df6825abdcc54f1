/** The lines of a console, fetched in pages as they come into sight; follows growth without fetching anything twice. */
import { api, ApiError } from '../../api/client';
import type { Console, ConsoleLine } from '../../api/schema.gen';
import { Resource } from '../../state/resource.svelte';

const PAGE = 500;
/** Lines at the end that may change: a moving progress bar, or a line that a rank reported late. */
const UNSETTLED = 100;
/** Pages kept in memory. */
const MOST = 40;

export class Pages {
  total = $state(0);
  /** False until the first answer. */
  loaded = $state(false);
  problem = $state.raw<ApiError | null>(null);
  /** Processes that printed, in the whole run. */
  processes = $state.raw<readonly string[]>([]);
  #pages = $state.raw<ReadonlyMap<number, readonly ConsoleLine[]>>(new Map());
  #asked = new Set<number>();
  #stop = new AbortController();
  readonly #growth = new Resource<null>();

  constructor(
    readonly run: string,
    readonly asked: { search?: string; stream?: string; process?: string },
  ) {}

  /** Line i, if it has arrived. */
  line(i: number): ConsoleLine | undefined {
    return this.#pages.get(Math.floor(i / PAGE))?.[i % PAGE];
  }

  /** Fetch lines first to last - 1 if they are missing. */
  want(first: number, last: number): void {
    for (let page = Math.floor(Math.max(0, first) / PAGE); page * PAGE < last; page++) {
      const held = this.#pages.get(page);
      const full = held && (held.length === PAGE || page * PAGE + held.length >= this.total);
      if (!full && !this.#asked.has(page)) void this.#fetch(page);
    }
  }

  /** The run grew: fetch the last page again, and earlier lines that may have changed. */
  grow(revision: number): void {
    void this.#growth.ask('', revision, async () => {
      const [first, last] = [this.total - UNSETTLED, this.total - 1].map((line) => Math.max(0, Math.floor(line / PAGE)));
      if (first !== last && this.#pages.has(first!)) await this.#fetch(first!);
      await this.#fetch(last!);
      return null;
    });
  }

  retry(): void {
    this.#growth.retry();
  }

  end(): void {
    this.#growth.rest();
    this.#stop.abort();
  }

  async #fetch(page: number): Promise<void> {
    this.#asked.add(page);
    try {
      this.#take(page, await api.console(this.run, { start: page * PAGE, n: PAGE, ...this.asked }, this.#stop.signal));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.problem = error;
    } finally {
      this.#asked.delete(page);
    }
  }

  #take(page: number, reply: Console): void {
    const next = new Map(this.#pages);
    next.delete(page);
    next.set(page, reply.lines);
    if (next.size > MOST) next.delete(next.keys().next().value!);
    this.#pages = next;
    this.total = reply.total;
    this.processes = reply.processes;
    this.loaded = true;
    this.problem = null;
  }
}

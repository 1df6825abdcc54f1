/** The lines of a console, fetched in pages as they come into sight; growth is followed, nothing is fetched twice. */
import { api } from '../../api/client';
import type { ConsoleLine } from '../../api/schema.gen';

export const PAGE = 500;
/** Lines at the end that may change: a bar that moves, or a rank that told a line later. */
const UNSETTLED = 100;
/** Pages kept; a long log is scrolled through, not held. */
const MOST = 40;

export class Pages {
  total = $state(0);
  /** False until the first answer. */
  loaded = $state(false);
  problem = $state.raw<unknown>(null);
  /** Who printed, in the whole run. */
  processes = $state.raw<readonly string[]>([]);
  #pages = $state.raw<ReadonlyMap<number, readonly ConsoleLine[]>>(new Map());
  #asked = new Set<number>();
  #stop = new AbortController();

  constructor(
    readonly run: string,
    readonly asked: { search?: string; stream?: string; process?: string },
  ) {}

  /** Line i, if it has come. */
  line(i: number): ConsoleLine | undefined {
    return this.#pages.get(Math.floor(i / PAGE))?.[i % PAGE];
  }

  /** Make sure that lines first to last - 1 come. */
  want(first: number, last: number): void {
    for (let page = Math.floor(Math.max(0, first) / PAGE); page * PAGE < last; page++) {
      const held = this.#pages.get(page);
      const full = held && (held.length === PAGE || page * PAGE + held.length >= this.total);
      if (!full && !this.#asked.has(page)) void this.#fetch(page);
    }
  }

  /** Ask how long it is now; the last page is fetched with it, and what may have changed before. */
  async grow(): Promise<void> {
    const [first, last] = [this.total - UNSETTLED, this.total - 1].map((line) => Math.max(0, Math.floor(line / PAGE)));
    if (first !== last && this.#pages.has(first!)) await this.#fetch(first!);
    await this.#fetch(last!);
  }

  end(): void {
    this.#stop.abort();
  }

  async #fetch(page: number): Promise<void> {
    this.#asked.add(page);
    try {
      const reply = await api.console(this.run, { start: page * PAGE, n: PAGE, ...this.asked }, this.#stop.signal);
      const next = new Map(this.#pages);
      next.delete(page);
      next.set(page, reply.lines);
      if (next.size > MOST) next.delete(next.keys().next().value!);
      this.#pages = next;
      this.total = reply.total;
      this.processes = reply.processes;
      this.loaded = true;
      this.problem = null;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.problem = error;
    } finally {
      this.#asked.delete(page);
    }
  }
}

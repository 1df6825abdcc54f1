/** All runs of the store, with the edits made here applied at once. */
import { api, ApiError } from '../api/client';
import type { Deleted, EditRequest, Key, Run } from '../api/schema.gen';

/** An edit or deletion that the server has not confirmed yet. */
interface Pending {
  runs: readonly string[];
  /** Missing: the runs are deleted. */
  edit?: EditRequest;
}

const KEYS_MS = 10_000;
/** Summaries of a run that has just begun. */
const NO_KEYS_MS = 1_000;

class Runs {
  /** As the server last sent them. Replaced, never changed in place. */
  #received = $state.raw<ReadonlyMap<string, Run>>(new Map());
  #pending = $state.raw<readonly Pending[]>([]);
  /** Every run that was not deleted, by id; pending edits are applied. */
  readonly all: ReadonlyMap<string, Run> = $derived.by(() => {
    if (!this.#pending.length) return this.#received;
    const runs = new Map(this.#received);
    for (const { runs: ids, edit } of this.#pending) {
      for (const id of ids) {
        const run = runs.get(id);
        if (run && edit) runs.set(id, edited(run, edit));
        else runs.delete(id);
      }
    }
    return runs;
  });
  /** False until the first table has arrived. */
  loaded = $state(false);
  problem = $state.raw<ApiError | null>(null);
  /** Scalar keys of all runs, for columns, choices and names in filters; loaded by `loadKeys`. */
  keys = $state.raw<readonly Key[]>([]);

  #revision = 0;
  /** Keys whose summaries are wanted, and those that the loaded table has. */
  readonly #wanted = new Set<string>();
  #asked: readonly string[] = [];
  /** The request in flight. */
  #question: Promise<unknown> | null = null;
  #again = false;
  #keysAt = 0;

  /** Load the changes since our revision; calls during a request become one more request after it. */
  async refresh(): Promise<void> {
    if (this.#question) {
      this.#again = true;
      return;
    }
    const wanted = [...this.#wanted];
    const whole = this.#revision === 0 || wanted.length > this.#asked.length;
    const since = whole ? 0 : this.#revision;
    const before = this.#revision;
    try {
      const question = api.runs(since, wanted);
      this.#question = question;
      const table = await question;
      this.#asked = wanted;
      this.#take(table.runs, table.removed, whole);
      // Set to 0 meanwhile: the whole table is needed.
      if (this.#revision === before) this.#revision = table.revision;
      this.problem = null;
      this.loaded = true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.problem = error;
    } finally {
      this.#question = null;
    }
    if (this.#again) {
      this.#again = false;
      await this.refresh();
    }
  }

  /** Load the changes, unless `revision` is already loaded. */
  async follow(revision: number): Promise<void> {
    if (revision !== this.#revision) await this.refresh();
  }

  /** Include the summaries of these keys from the next table on; reloads a table that arrived without them. */
  async need(keys: Iterable<string>): Promise<void> {
    for (const key of keys) this.#wanted.add(key);
    if (this.#wanted.size > this.#asked.length && (this.loaded || this.#question)) await this.refresh();
  }

  /** New keys are rare and the request names every run, so it is repeated only occasionally. */
  async loadKeys(): Promise<void> {
    const ids = [...this.all.keys()];
    if (!ids.length || Date.now() - this.#keysAt < (this.keys.length ? KEYS_MS : NO_KEYS_MS)) return;
    this.#keysAt = Date.now();
    try {
      this.keys = (await api.keys(ids)).keys.filter((key) => key.kind === 'scalar');
    } catch {
      // Requested again when a run grows.
    }
  }

  /** Edit runs: applied at once, reverted if the server refuses. */
  edit(request: EditRequest): Promise<void> {
    return this.#act({ runs: request.runs, edit: request }, async () => {
      const runs = await api.edit(request);
      // The reply has no summaries; the loaded ones stay.
      const whole = runs.map((run) => ({ ...run, summary: { ...this.#received.get(run.id)?.summary, ...run.summary } }));
      return () => this.#take(whole, []);
    });
  }

  /** Delete runs: removed at once, restored if the server refuses. */
  async delete(ids: readonly string[], force = false): Promise<Deleted> {
    let reply: Deleted = { runs: [], problems: [], written: [] };
    await this.#act({ runs: ids }, async () => {
      reply = await api.delete(ids, force);
      return () => this.#take([], reply.runs);
    });
    return reply;
  }

  async restore(ids: readonly string[]): Promise<readonly string[]> {
    const reply = await api.restore(ids);
    this.#revision = 0;
    await this.refresh();
    return reply.problems;
  }

  /** Apply a change at once, and keep it until a table that was requested after it has arrived: an earlier one lacks the change. */
  async #act(pending: Pending, ask: () => Promise<() => void>): Promise<void> {
    this.#pending = [...this.#pending, pending];
    try {
      const take = await ask();
      await this.#question?.catch(() => undefined);
      take();
    } finally {
      this.#pending = this.#pending.filter((other) => other !== pending);
    }
  }

  #take(runs: readonly Run[], removed: readonly string[], whole = false): void {
    const next = new Map(whole ? [] : this.#received);
    for (const run of runs) next.set(run.id, run);
    for (const id of removed) next.delete(id);
    this.#received = next;
  }
}

function edited(run: Run, request: EditRequest): Run {
  const removed = new Set(request.remove_tags ?? []);
  const tags = request.tags ?? [...new Set([...run.tags, ...(request.add_tags ?? [])])].filter((tag) => !removed.has(tag));
  return {
    ...run,
    name: request.name ?? run.name,
    notes: request.notes ?? run.notes,
    archived: request.archived ?? run.archived,
    tags,
  };
}

export const runs = new Runs();

/** The keys of one kind of the shown runs, fetched again every few seconds while runs grow. */
import { untrack } from 'svelte';
import { api } from '../../api/client';
import type { Key, Kind } from '../../api/schema.gen';
import { Resource } from '../../state/resource.svelte';

export class KeyList extends Resource<readonly Key[]> {
  readonly #kind: Kind;
  readonly keys: readonly Key[] = $derived(this.value ?? []);
  readonly loaded: boolean = $derived(this.value !== null);

  constructor(kind: Kind) {
    // New keys of growing runs may wait; what is on screen stays when other runs are chosen.
    super({ calmMs: 2000, keepsOthers: true });
    this.#kind = kind;
  }

  /** Call in an `$effect` with the runs and a text that changes when they grow. Resolves when a request sent at once is answered. */
  update(ids: readonly string[], revision: string): Promise<void> {
    // The first key of a run that has just begun is waited for.
    const isUrgent = untrack(() => this.value?.length === 0);
    if (ids.length) return this.ask(ids.join(), revision, (signal) => this.#ask(ids, signal), isUrgent);
    this.clear();
    return Promise.resolve();
  }

  async #ask(ids: readonly string[], signal: AbortSignal): Promise<readonly Key[]> {
    const keys = (await api.keys(ids, signal)).keys.filter((key) => key.kind === this.#kind);
    const isSame = keys.length === this.value?.length && keys.every((key, i) => key.key === this.value![i]!.key);
    return isSame ? this.value! : keys;
  }
}

/** The keys of the Curves view, requested before the page is built. */
export const scalars = new KeyList('scalar');

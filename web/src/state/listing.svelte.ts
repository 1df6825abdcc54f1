/** Which runs are listed in the table and in the list beside the views, and in what order: filter, sorting, grouping, pins. */
import type { Run } from '../api/schema.gen';
import { sortRuns, summaryKeys, type Field, type Sort } from './fields';
import type { Known } from './known';
import { understand, type Query } from './query';
import { runs } from './runs.svelte';
import { selection } from './selection.svelte';
import { keep, recall } from './stored';

class Listing {
  sorts = $state.raw<readonly Sort[]>(recall('sorts', [{ field: 'created', descending: true }]));
  groupBy = $state.raw<readonly Field[]>(recall('groupBy', []));
  pinned = $state.raw<ReadonlySet<string>>(new Set(recall<string[]>('pinned', [])));
  withArchived = $state(false);

  /** The keys that names in the filter may stand for; null until they are loaded. */
  readonly #known: Known | null = $derived.by(() => {
    if (!runs.keys.length) return null;
    const config = new Set([...runs.all.values()].flatMap((run) => Object.keys(run.config)));
    // A headline number that was set directly may have no series.
    const series = [...runs.keys.map((key) => key.key), ...[...runs.all.values()].flatMap((run) => Object.keys(run.rules))];
    return { config, series: new Set(series) };
  });
  readonly query: Query = $derived(understand(selection.filter, selection.filter ? this.#known : null));
  /** The runs that match, pinned ones first, in the order of the table. */
  readonly runs: readonly Run[] = $derived.by(() => {
    const matching = [...runs.all.values()].filter((run) => (this.withArchived || !run.archived) && this.query.test(run));
    const sorted = sortRuns(matching, this.sorts);
    if (!this.pinned.size) return sorted;
    return [...sorted.filter((run) => this.pinned.has(run.id)), ...sorted.filter((run) => !this.pinned.has(run.id))];
  });

  constructor() {
    void runs.need([...summaryKeys([...this.sorts.map((sort) => sort.field), ...this.groupBy]), ...understand(selection.filter).keys]);
  }

  /** The text of the filter; it is part of the address. */
  get search(): string {
    return selection.filter;
  }

  set search(text: string) {
    selection.setMore('filter', text);
  }

  pin(ids: readonly string[], on: boolean): void {
    const next = new Set(this.pinned);
    for (const id of ids) if (on) next.add(id); else next.delete(id);
    this.pinned = next;
    keep('pinned', [...next]);
  }

  setSorts(sorts: readonly Sort[]): void {
    this.sorts = sorts;
    keep('sorts', sorts);
    void runs.need(summaryKeys(sorts.map((sort) => sort.field)));
  }

  setGroupBy(fields: readonly Field[]): void {
    this.groupBy = fields;
    keep('groupBy', fields);
    void runs.need(summaryKeys(fields));
  }
}

export const listing = new Listing();

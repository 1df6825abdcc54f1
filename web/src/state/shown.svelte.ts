/** The shown runs: those with an open eye, which every chart draws. */
import type { Run } from '../api/schema.gen';
import { groupRuns, sortRuns, type Group } from './fields';
import { listing } from './listing.svelte';
import { runs } from './runs.svelte';
import { selection } from './selection.svelte';
import type { Shown } from './address';

/** How many of the newest runs are shown until the user chooses. */
export const N_NEWEST = 10;

class ShownRuns {
  readonly #newest: readonly string[] = $derived(
    [...runs.all.values()]
      .filter((run) => !run.archived)
      .sort((a, b) => b.created - a.created)
      .slice(0, N_NEWEST)
      .map((run) => run.id),
  );
  /** Ids of the shown runs: those given by the address, and the current one unless it was hidden. */
  readonly #set: ReadonlySet<string> = $derived(this.#follow(selection.shown));
  /** Their ids in the order of the table. */
  readonly ids: readonly string[] = $derived(
    sortRuns([...this.#set].flatMap((id) => runs.all.get(id) ?? []), listing.sorts).map((run) => run.id),
  );
  /** The shown runs that the list leaves out, because they do not match the filter or are archived. */
  readonly unlisted: readonly Run[] = $derived.by(() => {
    const listed = new Set(listing.runs.map((run) => run.id));
    return this.ids.flatMap((id) => (listed.has(id) ? [] : (runs.all.get(id) ?? [])));
  });
  /** The shown runs by the fields of `groupBy`; one group per run if nothing is grouped. */
  readonly groups: readonly Group[] = $derived.by(() => {
    const list = this.ids.flatMap((id) => runs.all.get(id) ?? []);
    if (listing.groupBy.length) return groupRuns(list, listing.groupBy);
    return list.map((run) => ({ id: run.id, values: [], runs: [run] }));
  });
  /** Changes when any shown run grows. */
  readonly growth: string = $derived(this.ids.map((id) => runs.all.get(id)?.revision ?? 0).join());

  /** Whether the filter decides what is shown. */
  get followsFilter(): boolean {
    return selection.shown.of === 'all' && listing.query.kind !== 'all';
  }

  has(id: string): boolean {
    return this.#set.has(id);
  }

  /** Show these runs in addition. */
  show(ids: readonly string[], how: 'set' | 'replace' = 'replace'): void {
    const { of, except } = selection.shown;
    const rule = { of, except: without(except, ids) };
    const before = this.#follow(rule);
    const missing = ids.filter((id) => !before.has(id));
    selection[how]({ shown: missing.length ? { of: [...before, ...missing], except: rule.except } : rule });
  }

  hide(ids: readonly string[], how: 'set' | 'replace' = 'replace'): void {
    const { of, except } = selection.shown;
    // A list simply loses them; otherwise, and for the current run, the address must say that they are hidden.
    const isList = typeof of !== 'string';
    const kept = without(except, ids);
    selection[how]({
      shown: { of: isList ? without(of, ids) : of, except: [...kept, ...(isList ? ids.filter((id) => id === selection.run) : ids)] },
    });
  }

  toggle(ids: readonly string[], on: boolean, how: 'set' | 'replace' = 'replace'): void {
    if (on) this.show(ids, how);
    else this.hide(ids, how);
  }

  /** Hide the listed runs if any of them is shown, otherwise show only them. */
  toggleListed(): void {
    const ids = listing.runs.map((run) => run.id);
    if (ids.some((id) => this.has(id))) this.hide(ids, 'set');
    else this.showListed();
  }

  /** Show only these; the current run becomes one of them. */
  showOnly(ids: readonly string[]): void {
    this.#replaceAll({ of: ids, except: [] }, ids);
  }

  /** Show only the listed runs. Without a filter this includes future runs; if a filter is set later, it decides which runs are shown. */
  showListed(): void {
    const ids = listing.runs.map((run) => run.id);
    if (listing.query.kind === 'all') this.#replaceAll({ of: 'all', except: [] }, ids);
    else this.showOnly(ids);
  }

  #replaceAll(shown: Shown, ids: readonly string[]): void {
    selection.set({ shown, run: selection.run !== null && ids.includes(selection.run) ? selection.run : null });
  }

  #follow({ of, except }: Shown): ReadonlySet<string> {
    const ids = of === 'newest' ? this.#newest : of === 'all' ? listing.runs.map((run) => run.id) : of;
    const set = new Set(ids.filter((id) => runs.all.has(id)));
    if (selection.run !== null && runs.all.has(selection.run)) set.add(selection.run);
    for (const id of except) set.delete(id);
    return set;
  }
}

function without(list: readonly string[], ids: readonly string[]): string[] {
  const gone = new Set(ids);
  return list.filter((id) => !gone.has(id));
}

export const shown = new ShownRuns();

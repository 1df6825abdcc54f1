/** The current run: the one that was opened, which Overview, Console and Layers are about. */
import type { Run } from '../api/schema.gen';
import { listing } from './listing.svelte';
import { runs } from './runs.svelte';
import { selection } from './selection.svelte';
import { shown } from './shown.svelte';
import type { Selection } from './address';

class Current {
  /** The address names a run that does not exist; no other run replaces it. */
  readonly isMissing: boolean = $derived(runs.loaded && Boolean(selection.run) && !runs.all.has(selection.run!));
  /** If the address names none: the first shown run, otherwise the first listed one. */
  readonly run: Run | null = $derived.by(() => {
    if (this.isMissing) return null;
    return runs.all.get(selection.run ?? '') ?? runs.all.get(shown.ids[0] ?? '') ?? listing.runs[0] ?? null;
  });

  /** Open a run: it is shown in every view from now on, even if it was hidden. */
  open(id: string, change: Partial<Selection> = {}): void {
    const { of, except } = selection.shown;
    selection.set({ ...change, run: id, shown: { of, except: except.filter((one) => one !== id) } });
  }
}

export const current = new Current();

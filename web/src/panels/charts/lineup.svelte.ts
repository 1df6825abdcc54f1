/** Which curves are drawn, and with which pens: the shown runs or their groups. */
import { legible } from '../../i18n/text';
import { colours } from '../../state/colours.svelte';
import { valueOf, valueText } from '../../state/fields';
import { listing } from '../../state/listing.svelte';
import { runs } from '../../state/runs.svelte';
import { shown } from '../../state/shown.svelte';
import { distinctNames, type Pen } from './drawn';

interface GroupPen extends Pen {
  runs: readonly string[];
}

class RunLineup {
  readonly runs: readonly string[] = $derived(shown.ids);
  readonly pens: readonly Pen[] = $derived.by(() => {
    const all = shown.ids.flatMap((id) => runs.all.get(id) ?? []);
    const names = distinctNames(all);
    return all.map(({ id }) => ({ id, name: legible(names.get(id)!), color: colours.of(id) }));
  });
  readonly groups: readonly GroupPen[] = $derived.by(() => {
    if (!listing.groupBy.length) return [];
    return shown.groups.map((group) => ({
      id: group.id,
      name: `${listing.groupBy.map((field) => valueText(valueOf(group.runs[0]!, field))).join(' · ')}${group.runs.length > 1 ? ` (${group.runs.length})` : ''}`,
      color: colours.ofGroup(group),
      runs: group.runs.map((run) => run.id),
    }));
  });
  /** Changes when any shown run grows. */
  readonly revision: string = $derived(shown.growth);
  /** The highlighted run, which is under the pointer elsewhere. */
  lit = $state<string | null>(null);
}

export type Lineup = Pick<RunLineup, 'runs' | 'pens' | 'groups' | 'revision' | 'lit'>;
export const lineup = new RunLineup();

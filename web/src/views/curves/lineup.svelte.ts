/** Whose curves are drawn, with which pen: the compared runs, or their groups. */
import { legible } from '../../i18n/text';
import { valueOf, valueText } from '../../state/fields';
import { runs } from '../../state/runs.svelte';
import { distinctNames, type Pen } from './drawn';

export interface GroupPen extends Pen {
  runs: readonly string[];
}

class RunLineup {
  readonly runs: readonly string[] = $derived(runs.compared);
  readonly pens: readonly Pen[] = $derived.by(() => {
    const all = runs.compared.flatMap((id) => runs.all.get(id) ?? []);
    const names = distinctNames(all);
    return all.map(({ id }) => ({ id, name: legible(names.get(id)!), color: runs.colour(id) }));
  });
  readonly groups: readonly GroupPen[] = $derived.by(() => {
    if (!runs.groupBy.length) return [];
    return runs.groups.map((group) => ({
      id: group.id,
      name: `${runs.groupBy.map((field) => valueText(valueOf(group.runs[0]!, field))).join(' · ')}${group.runs.length > 1 ? ` (${group.runs.length})` : ''}`,
      color: runs.groupColour(group),
      runs: group.runs.map((run) => run.id),
    }));
  });
  /** Changes when any compared run grows. */
  readonly revision: string = $derived(runs.growth);
  /** The run that stands out, because it is pointed at elsewhere. */
  lit = $state<string | null>(null);
}

export type Lineup = Pick<RunLineup, 'runs' | 'pens' | 'groups' | 'revision' | 'lit'>;
export const lineup = new RunLineup();

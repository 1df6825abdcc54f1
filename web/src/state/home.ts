/** Where the page opens if its address names no view. */
import type { Run } from '../api/schema.gen';
import type { Selection } from './address';

/** The overview of the only running run, or of the only run; otherwise the table of runs. */
export function homeOf(all: Iterable<Run>): Partial<Selection> {
  const kept = [...all].filter((run) => !run.archived);
  const running = kept.filter((run) => run.state === 'running');
  const one = running.length === 1 ? running[0] : kept.length === 1 ? kept[0] : undefined;
  return one ? { view: 'overview', run: one.id } : { view: 'runs' };
}

/** Asks for the points of the first charts while the page is being built. Their size is guessed: a wrong guess costs a request. */
import { runs } from '../../state/runs.svelte';
import { shown } from '../../state/shown.svelte';
import { recall } from '../../state/stored';
import { scalars } from './keys.svelte';
import { inSight, sheetOf } from './layout';
import { lineup } from './lineup.svelte';
import { keyFilter, sectionsOf } from './sections';
import { scalarSeries } from './series.svelte';
import { settings } from './settings.svelte';

/** What the bars above and below the charts take, and the rail of sections at their left. */
const BARS_PX = 126;
const RAIL_PX = 64;

/** Width and height that the charts will probably have. */
export function guessSize(): [number, number] {
  const isNarrow = matchMedia('(max-width: 760px)').matches;
  const side = isNarrow || !recall('side', true) ? 0 : recall('sideWidth', 232);
  return [innerWidth - (isNarrow ? 0 : RAIL_PX) - side, innerHeight - BARS_PX];
}

/** Asks for the keys of the shown runs, then for the first charts. */
export async function prepare(): Promise<void> {
  await scalars.update(shown.ids, shown.growth);
  askEarly();
}

function askEarly(): void {
  if (lineup.groups.length || !scalars.loaded) return;
  const [width, height] = guessSize();
  const filter = settings.keys ? keyFilter(settings.keys) : null;
  const { layout } = sheetOf(sectionsOf(scalars.keys, { filter, ...settings.arrangement }), width, settings.cardWidth);
  const revision = (id: string) => runs.all.get(id)?.revision ?? 0;
  for (const { key } of inSight(layout, 0, height, 0)) {
    scalarSeries.get(key).update({ runs: lineup.runs, revision, x: settings.x, width: layout.cardWidth, window: settings.windowX(key), smooth: settings.smooth });
  }
}

/** Requests the points of the first charts while the page is being built. */
import { runs } from '../../state/runs.svelte';
import { shown } from '../../state/shown.svelte';
import { holderOf } from '../../panels/charts/charts';
import { guessSize } from '../../panels/charts/guess';
import { scalars } from '../../panels/charts/keys.svelte';
import { inSight, sheetOf } from '../../panels/charts/layout';
import { lineup } from '../../panels/charts/lineup.svelte';
import { keyFilter, chartGroupsOf } from '../../panels/charts/chartGroups';
import { scalarSeries } from '../../panels/charts/series.svelte';
import { settings } from '../../panels/charts/settings.svelte';

/** Request the keys of the shown runs, then the points of the first charts. */
export async function prepare(): Promise<void> {
  await scalars.update(shown.ids, shown.growth);
  askEarly();
}

function askEarly(): void {
  if (lineup.groups.length || !scalars.loaded) return;
  const size = guessSize();
  const filter = settings.keys ? keyFilter(settings.keys) : null;
  const { layout } = sheetOf(chartGroupsOf(scalars.keys, { filter, ...settings.arrangement }), size, settings.columns);
  const revision = (id: string) => runs.all.get(id)?.revision ?? 0;
  for (const { chart } of inSight(layout, 0, size[1], 0)) {
    const nLines = lineup.runs.length * chart.keys.length;
    const wish = { runs: lineup.runs, nLines, revision, x: settings.of(chart.id).x, width: layout.cardWidth, window: settings.windowX(chart.id) };
    for (const key of chart.keys) scalarSeries.get(key, holderOf(chart)).update({ ...wish, smooth: settings.smoothOf(chart.id, key) });
  }
}

/** Which charts there are, grouped by the prefix of their keys, and in what order: pinned and handmade ones first, filtered and hidden ones left out. */
import { own } from '../../api/own';
import type { Key } from '../../api/schema.gen';
import { byName } from '../../i18n/text';
import { isSetting } from './looks';
import { chartOfOwn, chartsOf, type Chart, type OwnChart } from './charts';

export interface ChartGroup {
  /** The prefix before the first slash; '' for charts without one or with one they share with no other; PINNED; HANDMADE. */
  name: string;
  charts: readonly Chart[];
  open: boolean;
}

export const PINNED = '\u0000pinned';
export const HANDMADE = '\u0000own';

/** With more charts than this, only the first groups start open. */
const OPEN_CHARTS = 60;

export function prefixOf(key: string): string {
  const slash = key.indexOf('/');
  return slash > 0 ? key.slice(0, slash) : '';
}

/** The typed regular expression, or null if it is invalid. Plain words match anywhere, ignoring case. */
export function keyFilter(typed: string): RegExp | null {
  try {
    return new RegExp(typed, 'i');
  } catch {
    return null;
  }
}

export interface Arrangement {
  filter: RegExp | null;
  pinned: readonly string[];
  hidden: readonly string[];
  folded: Readonly<Record<string, boolean>>;
  order: Readonly<Record<string, readonly string[]>>;
  /** Draw training and validation of one metric together. */
  together: boolean;
  /** Metrics for which they are drawn separately. */
  apart: readonly string[];
  /** Charts made by hand. */
  own: readonly OwnChart[];
  /** No groups: all charts together. */
  flat?: boolean;
}

export function chartGroupsOf(keys: readonly Key[], { filter, pinned, hidden, folded, order, together, apart, own: handmade, flat = false }: Arrangement): ChartGroup[] {
  const away = new Set(hidden);
  const matching = keys.flatMap(({ key }) => (away.has(key) || (filter && !filter.test(key)) ? [] : [key]));
  const charts = chartsOf(matching, together && !flat, apart);
  const there = new Set(keys.map(({ key }) => key));
  const made = handmade.map(chartOfOwn).filter((chart) => chart.keys.some((key) => there.has(key)) && (!filter || [chart.name, ...chart.keys].some((text) => filter.test(text))));
  const groups = new Map<string, Chart[]>();
  for (const chart of charts) {
    const name = flat ? '' : prefixOf(chart.name);
    const group = groups.get(name);
    if (group) group.push(chart);
    else groups.set(name, [chart]);
  }
  // Groups with a single chart would waste a row each, so they are combined.
  const lone = [...groups].filter(([name, group]) => name === '' || group.length === 1);
  const general = lone.flatMap(([, group]) => group);
  if (general.length > 1) {
    for (const [name] of lone) groups.delete(name);
    groups.set('', general);
  }
  const all = [...made, ...charts];
  const first = [...new Set(pinned.flatMap((id) => all.find((chart) => chart.id === id) ?? charts.find((chart) => chart.keys.includes(id)) ?? []))];
  const found: ChartGroup[] = first.length ? [{ name: PINNED, charts: first, open: folded[PINNED] !== true }] : [];
  if (made.length) found.push({ name: HANDMADE, charts: made, open: folded[HANDMADE] !== true });
  let shown = 0;
  for (const name of [...groups.keys()].sort(byName)) {
    const inOrder = arranged(groups.get(name)!, own(order, name) ?? []);
    const isFolded = own(folded, name);
    const open = isFolded === undefined ? shown === 0 || shown + inOrder.length <= OPEN_CHARTS : !isFolded;
    if (open) shown += inOrder.length;
    found.push({ name, charts: inOrder, open });
  }
  return found;
}

/** Charts arranged by the user come first, then measured keys, then keys that were set, by name. */
function arranged(charts: Chart[], order: readonly string[]): Chart[] {
  const given = new Map(order.map((id, i) => [id, i]));
  const place = new Map(charts.map(({ id, keys }) => [id, given.get(id) ?? order.length + Number(keys.every(isSetting))]));
  return charts.sort((a, b) => place.get(a.id)! - place.get(b.id)! || byName(a.name, b.name));
}

/** Which keys are drawn together: training and validation of one metric automatically, any keys in handmade charts. */
import { HELD_OUT_SPLITS, TRAINING_SPLITS } from '../../api/schema.gen';
import { byName, legible } from '../../i18n/text';

export interface Chart {
  /** Its first key, or OWN and a number for a handmade chart. */
  id: string;
  keys: readonly string[];
  /** Full name; '' for a handmade chart without a name. */
  name: string;
}

/** A chart made by the user. */
export interface OwnChart {
  /** Its number in the project. */
  n: number;
  name: string;
  keys: readonly string[];
}

/** Written into a link: "[[1,"loss and accuracy","val/loss","val/accuracy"]]". */
export function ownText(charts: readonly OwnChart[]): string {
  return charts.length ? JSON.stringify(charts.map(({ n, name, keys }) => [n, name, ...keys])) : '';
}

/** Parts that cannot be parsed are ignored. */
export function ownOf(text: string): OwnChart[] {
  let said: unknown;
  try {
    said = JSON.parse(text || '[]');
  } catch {
    return [];
  }
  if (!Array.isArray(said)) return [];
  return (said as unknown[]).flatMap((one) => {
    if (!Array.isArray(one)) return [];
    const [n, name, ...keys] = one as unknown[];
    const isChart = typeof n === 'number' && typeof name === 'string' && keys.length > 0 && keys.every((key) => typeof key === 'string');
    return isChart ? [{ n, name, keys: [...new Set(keys)] }] : [];
  });
}

const OWN = '\u0000chart ';

export const isOwn = (id: string) => id.startsWith(OWN);
export const ownId = (n: number) => `${OWN}${n}`;

/** The chart of one key. */
export function chartOf(key: string): Chart {
  return { id: key, keys: [key], name: key };
}

export function chartOfOwn({ n, name, keys }: OwnChart): Chart {
  return { id: ownId(n), keys, name };
}

/** A key is in one automatic chart and in any number of handmade ones; each of those has its own axes, and so its own points. */
export const holderOf = ({ id }: Chart) => (isOwn(id) ? id : '');

const SPLITS: readonly string[] = [...TRAINING_SPLITS, ...HELD_OUT_SPLITS];
const FIRST = new RegExp(`^(${SPLITS.join('|')})[/_.](.+)$`, 'i');
const LAST = new RegExp(`^(.+)[/_.](${SPLITS.join('|')})$`, 'i');

/** The split and the metric of a key: "val/loss", "val_loss" and "loss/val" are `loss` of `val`. */
export function splitOf(key: string): { split: string; metric: string } | null {
  const first = FIRST.exec(key);
  if (first) return { split: first[1]!, metric: first[2]! };
  const last = LAST.exec(key);
  return last ? { split: last[2]!, metric: last[1]! } : null;
}

/** Training first; a key without a split counts as training. */
function rank(key: string): number {
  const found = splitOf(key);
  return found ? SPLITS.indexOf(found.split.toLowerCase()) : 0;
}

/** Charts of keys: those of one metric over several splits share one, except the metrics in `apart`. */
export function chartsOf(keys: readonly string[], isTogether: boolean, apart: readonly string[] = []): Chart[] {
  if (!isTogether) return keys.map(chartOf);
  const byMetric = new Map<string, string[]>();
  for (const key of keys) {
    const metric = splitOf(key)?.metric;
    if (metric === undefined || apart.includes(metric)) continue;
    const others = byMetric.get(metric);
    if (others) others.push(key);
    else byMetric.set(metric, [key]);
  }
  // Keras logs "loss" beside "val_loss".
  for (const key of keys) if (!splitOf(key)) byMetric.get(key)?.push(key);
  return keys.flatMap((key) => {
    const metric = splitOf(key)?.metric ?? key;
    const all = byMetric.get(metric) ?? [];
    if (all.length < 2) return [chartOf(key)];
    const inOrder = [...all].sort((a, b) => rank(a) - rank(b) || byName(a, b));
    // Only at the position of its first key.
    return key === inOrder[0] ? [{ id: key, keys: inOrder, name: metric }] : [];
  });
}

/** Short names of the keys of a chart: the splits, or the rest after their common prefix. */
export function labelsOf({ keys, name }: Chart): string[] {
  const splits = keys.map((key) => {
    const found = splitOf(key);
    return found?.metric === name ? found.split : key;
  });
  const labels = splits.some((label, i) => label !== keys[i]) ? splits : shortened(keys);
  return (new Set(labels).size === labels.length ? labels : keys).map(legible);
}

function shortened(keys: readonly string[]): readonly string[] {
  if (keys.length < 2) return keys;
  const parts = keys.map((key) => key.split('/'));
  const least = Math.min(...parts.map((part) => part.length)) - 1;
  let same = 0;
  while (same < least && parts.every((part) => part[same] === parts[0]![same])) same++;
  return parts.map((part) => part.slice(same).join('/'));
}

/** Title of a chart outside its group. */
export function titleOf(chart: Chart): string {
  return legible(chart.name || labelsOf(chart).join(', '));
}

/** Dash patterns in CSS pixels, by the position of a key in its chart. */
const DASHES: readonly (readonly number[] | null)[] = [null, [6, 4], [9, 3, 2, 3], [2, 3]];

export const dashOf = (place: number) => DASHES[place % DASHES.length]!;

/** With one line per key, this many keys get their own colours; fewer are distinguished only by their dashes. */
const HUED = 3;

/** Whether colours stand for keys rather than runs: if there is only one run, and more keys than solid and dashed can distinguish. */
export const hasHues = (nPens: number, nKeys: number) => nPens === 1 && nKeys >= HUED;

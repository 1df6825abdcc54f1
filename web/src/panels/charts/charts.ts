/** Which keys are drawn together: training and validation of one metric by themselves, any keys in a chart that a person made. */
import { byName, legible } from '../../i18n/text';

export interface Chart {
  /** Its first key, or OWN and a number for a chart that a person made. */
  id: string;
  keys: readonly string[];
  /** What the chart is called in full; '' for a chart by hand without a name. */
  name: string;
}

/** A chart made by hand. */
export interface OwnChart {
  /** Tells it from the others of the project. */
  n: number;
  name: string;
  keys: readonly string[];
}

/** As words of a link: "[[1,"loss and accuracy","val/loss","val/accuracy"]]". */
export function ownText(charts: readonly OwnChart[]): string {
  return charts.length ? JSON.stringify(charts.map(({ n, name, keys }) => [n, name, ...keys])) : '';
}

/** What cannot be understood is left out. */
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

/** A key is in one chart of its own and in any made by hand: each of those has its own axes, so its own points. */
export const holderOf = ({ id }: Chart) => (isOwn(id) ? id : '');

const SPLITS = ['train', 'training', 'val', 'valid', 'validation', 'dev', 'eval', 'evaluation', 'test', 'testing', 'holdout'];
const FIRST = new RegExp(`^(${SPLITS.join('|')})[/_.](.+)$`, 'i');
const LAST = new RegExp(`^(.+)[/_.](${SPLITS.join('|')})$`, 'i');

/** The part of the data that a key is of, and what was measured: "val/loss", "val_loss" and "loss/val" are `loss` of `val`. */
export function splitOf(key: string): { split: string; metric: string } | null {
  const first = FIRST.exec(key);
  if (first) return { split: first[1]!, metric: first[2]! };
  const last = LAST.exec(key);
  return last ? { split: last[2]!, metric: last[1]! } : null;
}

/** Training first, a key that names no split counts as such. */
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
    // Where its first key stands, once.
    return key === inOrder[0] ? [{ id: key, keys: inOrder, name: metric }] : [];
  });
}

/** What tells the keys of a chart apart, in their order: the splits, or what is left without the part that all have in front. */
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

/** What a chart is called where nothing beside it tells of its keys. */
export function titleOf(chart: Chart): string {
  return legible(chart.name || labelsOf(chart).join(', '));
}

/** Pieces drawn and left out in turn, CSS pixels, by the place of a key in its chart. */
const DASHES: readonly (readonly number[] | null)[] = [null, [6, 4], [9, 3, 2, 3], [2, 3]];

export const dashOf = (place: number) => DASHES[place % DASHES.length]!;

/** With one line a key, this many keys have a colour each; fewer are told apart by their dashes alone. */
const HUED = 3;

/** Whether colours tell keys and not runs: where there is one run only, and more keys than solid and dashed tell apart. */
export const hasHues = (nPens: number, nKeys: number) => nPens === 1 && nKeys >= HUED;

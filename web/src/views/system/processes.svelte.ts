/** System metrics of several processes and machines of a run: one chart per metric, one curve per process or machine. */
import type { Key } from '../../api/schema.gen';
import { PALETTE } from '../../ui/colours';
import { byName } from '../../i18n/text';
import { theme } from '../../state/theme.svelte';
import type { Pen } from '../../panels/charts/drawn';
import { lineup, type Lineup } from '../../panels/charts/lineup.svelte';
import type { KeyedSeries, SeriesCache, SeriesSource, Wish } from '../../panels/charts/series.svelte';

const BETWEEN = '\u0000';

/** "process/threads@rank 1" is the metric "process/threads" of "rank 1"; a run of one process has no such suffix. */
export function partOf(key: string): { figure: string; part: string } {
  const at = key.indexOf('@');
  return at < 0 ? { figure: key, part: '' } : { figure: key.slice(0, at), part: key.slice(at + 1) };
}

/** Each metric once, with the number of runs that have it. */
export function figuresOf(keys: readonly Key[]): Key[] {
  const found = new Map<string, Key>();
  for (const key of keys) {
    const { figure } = partOf(key.key);
    const before = found.get(figure);
    found.set(figure, { ...key, key: figure, n_runs: Math.max(before?.n_runs ?? 0, key.n_runs) });
  }
  return [...found.values()];
}

/** The processes and machines that have a metric, in natural order. */
export function partsOf(keys: readonly Key[], figure?: string): string[] {
  const all = keys.map((key) => partOf(key.key)).filter((one) => figure === undefined || one.figure === figure);
  return [...new Set(all.map((one) => one.part))].sort(byName);
}

/** The curves of one metric, requested together. */
class Together implements KeyedSeries {
  readonly #of: ReadonlyMap<string, KeyedSeries>;

  constructor(of: ReadonlyMap<string, KeyedSeries>) {
    this.#of = of;
  }

  get problem() {
    return [...this.#of.values()].find((one) => one.problem)?.problem ?? null;
  }

  get loaded() {
    return [...this.#of.values()].every((one) => one.loaded);
  }

  lines(pen: string) {
    const [run, part] = pen.split(BETWEEN);
    return this.#of.get(part ?? '')?.lines(run!) ?? [];
  }

  update(wish: Wish) {
    for (const one of this.#of.values()) one.update(wish);
  }

  rest() {
    for (const one of this.#of.values()) one.rest();
  }
}

/** The series of metrics, each with all its processes. */
export function together(cache: SeriesCache, keys: () => readonly Key[]): SeriesSource {
  return {
    kind: cache.kind,
    get: (figure) => new Together(new Map(partsOf(keys(), figure).map((part) => [part, cache.get(part ? `${figure}@${part}` : figure)]))),
  };
}

/** A pen for each process of each shown run. With one run, each process has its own colour. */
export class ProcessLineup implements Lineup {
  readonly #keys: () => readonly Key[];
  lit = $state<string | null>(null);
  readonly groups = [];

  constructor(keys: () => readonly Key[]) {
    this.#keys = keys;
  }

  get runs() {
    return lineup.runs;
  }

  get revision() {
    return lineup.revision;
  }

  get pens(): readonly Pen[] {
    const parts = partsOf(this.#keys());
    const isOne = lineup.pens.length === 1 && parts.length > 1;
    return lineup.pens.flatMap((pen) =>
      parts.map((part, i) => ({
        id: `${pen.id}${BETWEEN}${part}`,
        name: !part ? pen.name : isOne ? part : `${pen.name} · ${part}`,
        color: isOne ? PALETTE[i % PALETTE.length]![theme.shown] : pen.color,
      })),
    );
  }
}

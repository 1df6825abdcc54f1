/** Large things by key, and which of them is shown at a step. */
import { byName } from '../../i18n/text';
import type { Asset, AssetKind } from '../../api/schema.gen';

export interface Shelf {
  key: string;
  kind: AssetKind;
  /** Per run, its assets in the order of steps. */
  byRun: Map<string, Asset[]>;
  /** Every step at which any run has something, ascending. */
  steps: number[];
}

/** One shelf a key and kind, in the order of keys. */
export function shelves(assets: ReadonlyMap<string, readonly Asset[]>): Shelf[] {
  const found = new Map<string, Shelf>();
  for (const [run, list] of assets) {
    for (const asset of list) {
      const id = `${asset.key}\n${asset.kind}`;
      const shelf: Shelf = found.get(id) ?? { key: asset.key, kind: asset.kind, byRun: new Map(), steps: [] };
      found.set(id, shelf);
      const own = shelf.byRun.get(run);
      if (own) own.push(asset);
      else shelf.byRun.set(run, [asset]);
      shelf.steps.push(asset.step);
    }
  }
  for (const shelf of found.values()) {
    shelf.steps = [...new Set(shelf.steps)].sort((a, b) => a - b);
    for (const list of shelf.byRun.values()) list.sort((a, b) => a.step - b.step || a.time - b.time);
  }
  return [...found.values()].sort((a, b) => byName(a.key, b.key));
}

/** The index of the last number that is not above `step`; -1 when all are. */
export function lastUpTo(steps: readonly number[], step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What a run shows at a step: the latest that was logged by then (of equal steps the later); null: the last of all. */
export function at(list: readonly Asset[], step: number | null): Asset | null {
  if (step === null) return list.at(-1) ?? null;
  const index = lastUpTo(list.map((asset) => asset.step), step);
  return index < 0 ? null : list[index]!;
}

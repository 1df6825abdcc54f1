/** Assets by key, and which of them is shown at a step. */
import type { Asset, AssetKind } from '../../api/schema.gen';
import { lowerBound } from '../../chart/nearest';
import { count } from '../../i18n/numbers';
import { byName, legible } from '../../i18n/text';
import { i18n } from '../../state/i18n.svelte';
import { prefixOf } from '../../panels/charts/chartGroups';
import { rankOf } from './kinds';

/** What one call logged under a key: one asset, or a list of them in order. */
export interface Logged {
  step: number;
  time: number;
  items: Asset[];
}

export interface Shelf {
  key: string;
  kind: AssetKind;
  /** What each run logged, in order of steps. */
  byRun: Map<string, Logged[]>;
  /** Every step at which any run has something, ascending. */
  steps: number[];
}

/** The keys with one prefix. */
export interface KeyGroup {
  /** The part of the keys before the first slash; '' for keys without one, and for those that share theirs with no other. */
  name: string;
  shelves: Shelf[];
}

/** One shelf per key and kind, in natural order of the keys: 2 before 10. */
export function shelves(assets: ReadonlyMap<string, readonly Asset[]>): Shelf[] {
  const found = new Map<string, Shelf>();
  for (const [run, list] of assets) {
    const inOrder = [...list].sort((a, b) => a.step - b.step || a.time - b.time || (a.item ?? 0) - (b.item ?? 0));
    for (const asset of inOrder) {
      const id = `${asset.key}\n${asset.kind}`;
      const shelf: Shelf = found.get(id) ?? { key: asset.key, kind: asset.kind, byRun: new Map(), steps: [] };
      found.set(id, shelf);
      const own = shelf.byRun.get(run) ?? [];
      shelf.byRun.set(run, own);
      const last = own.at(-1);
      if (last && asset.item !== null && last.items[0]!.item !== null && last.step === asset.step && last.time === asset.time) last.items.push(asset);
      else own.push({ step: asset.step, time: asset.time, items: [asset] });
      shelf.steps.push(asset.step);
    }
  }
  for (const shelf of found.values()) shelf.steps = [...new Set(shelf.steps)].sort((a, b) => a - b);
  return [...found.values()].sort((a, b) => byName(a.key, b.key));
}

/** The index of the last number that is not above `step`; -1 if all are. */
export function lastUpTo(steps: readonly number[], step: number): number {
  let at = lowerBound(steps, step);
  while (steps[at] === step) at++;
  return at - 1;
}

/** What a run shows at a step: the latest logged by then (the later one if steps are equal); for null the last of all. */
export function at(list: readonly Logged[], step: number | null): Logged | null {
  if (step === null) return list.at(-1) ?? null;
  const index = lastUpTo(list.map((logged) => logged.step), step);
  return index < 0 ? null : list[index]!;
}

/** Group keys by prefix, images first, within each group and among the groups. */
export function keyGroupsOf(list: readonly Shelf[]): KeyGroup[] {
  const n = new Map<string, number>();
  for (const { key } of list) n.set(prefixOf(key), (n.get(prefixOf(key)) ?? 0) + 1);
  const groups = new Map<string, Shelf[]>();
  for (const shelf of list) {
    const prefix = prefixOf(shelf.key);
    const name = n.get(prefix)! > 1 ? prefix : '';
    groups.set(name, [...(groups.get(name) ?? []), shelf]);
  }
  const rank = (shelf: Shelf) => rankOf(shelf.kind);
  const sorted = [...groups].map(([name, some]) => ({ name, shelves: some.sort((a, b) => rank(a) - rank(b)) }));
  return sorted.sort((a, b) => rank(a.shelves[0]!) - rank(b.shelves[0]!) || byName(a.name, b.name));
}

/** Whether any run logged a list under the key. */
export function hasLists(shelf: Shelf): boolean {
  return [...shelf.byRun.values()].some((list) => list.some((logged) => logged.items[0]!.item !== null));
}

/** Description of an image for screen readers: key, place in its list, caption and step. */
export function describe(asset: Asset): string {
  return [legible(asset.key), asset.item === null ? '' : String(asset.item), legible(asset.text), i18n.t.media.at(count(asset.step))].filter(Boolean).join(', ');
}

/** Whether its pixels may be shown with hard edges. */
export function isSmallPicture({ kind, shape }: Asset): boolean {
  return kind === 'image' && Math.max(...shape.slice(0, 2)) <= 256;
}

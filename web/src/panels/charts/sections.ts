/** Which charts there are and in what order: keys by their prefix, filtered, pinned first, hidden left out. */
import { own } from '../../api/own';
import type { Key } from '../../api/schema.gen';
import { byName } from '../../i18n/text';

export interface Section {
  /** The prefix before the first slash; '' for keys without one; PINNED for those a person put first. */
  name: string;
  keys: readonly string[];
  open: boolean;
}

export const PINNED = '\u0000pinned';

/** With more keys than this, only the first sections begin open. */
const OPEN_KEYS = 60;

export function prefixOf(key: string): string {
  const slash = key.indexOf('/');
  return slash > 0 ? key.slice(0, slash) : '';
}

/** The regular expression a person typed, or null while it is not one. Plain words match anywhere, in either case. */
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
  /** No sections: all keys together. */
  flat?: boolean;
}

export function sectionsOf(keys: readonly Key[], { filter, pinned, hidden, folded, order, flat = false }: Arrangement): Section[] {
  const away = new Set(hidden);
  const there = new Set<string>();
  const groups = new Map<string, string[]>();
  for (const { key } of keys) {
    if (away.has(key) || (filter && !filter.test(key))) continue;
    there.add(key);
    const name = flat ? '' : prefixOf(key);
    const group = groups.get(name);
    if (group) group.push(key);
    else groups.set(name, [key]);
  }
  const names = [...groups.keys()].sort(byName);
  const first = pinned.filter((key) => there.has(key));
  const sections: Section[] = first.length ? [{ name: PINNED, keys: first, open: folded[PINNED] !== true }] : [];
  let shown = 0;
  for (const name of names) {
    const inOrder = arranged(groups.get(name)!, own(order, name) ?? []);
    const isFolded = own(folded, name);
    const open = isFolded === undefined ? shown === 0 || shown + inOrder.length <= OPEN_KEYS : !isFolded;
    if (open) shown += inOrder.length;
    sections.push({ name, keys: inOrder, open });
  }
  return sections;
}

/** Keys that a person arranged come first in that order, all others after them by name. */
function arranged(keys: string[], order: readonly string[]): string[] {
  const place = new Map(order.map((key, i) => [key, i]));
  return keys.sort((a, b) => (place.get(a) ?? order.length) - (place.get(b) ?? order.length) || byName(a, b));
}

/** `keys` with `key` moved to where `target` is. */
export function moved(keys: readonly string[], key: string, target: string): string[] {
  const from = keys.indexOf(key);
  const to = keys.indexOf(target);
  if (from < 0 || to < 0 || from === to) return [...keys];
  const rest = keys.filter((one) => one !== key);
  rest.splice(to, 0, key);
  return rest;
}

/** Values given by name, of nodes or modules, as values of the items of the tree. */
import { isGroup, membersOf, type Hierarchy } from './hierarchy';
import type { Graph } from './pack';
import { fullName, layerOf } from './search';

/** Of each item the value under its own name; undefined if there is none. */
function own<T>(graph: Graph, tree: Hierarchy, values: ReadonlyMap<string, T>): (T | undefined)[] {
  const found = new Array<T | undefined>(tree.nItems);
  for (let item = 0; item < tree.nItems; item++) {
    if (tree.parent[item]! < 0) continue;
    const layer = layerOf(graph, tree, item);
    const scope = tree.scopeOf[item]! < 0 ? layer : graph.text(graph.scopeName[tree.scopeOf[item]!] ?? -1);
    // A module with a single operation is drawn as that.
    found[item] = values.get(fullName(graph, tree, item)) ?? values.get(layer) ?? values.get(scope);
  }
  return found;
}

/** Items that are drawn, the inner ones first. */
function inwards(tree: Hierarchy): number[] {
  const levels: number[][] = [];
  for (let item = 0; item < tree.nItems; item++) if (tree.parent[item]! >= 0) (levels[tree.depth[item]!] ??= []).push(item);
  return levels.reverse().flat();
}

/** Of each item its own number, else the mean of those inside it; NaN for none. */
export function numbersOf(graph: Graph, tree: Hierarchy, values: ReadonlyMap<string, number>): Float64Array {
  const numbers = Float64Array.from(own(graph, tree, values), (value) => value ?? NaN);
  for (const item of inwards(tree)) {
    if (numbers[item] === numbers[item] || !isGroup(tree, item)) continue;
    let sum = 0;
    let n = 0;
    for (const member of membersOf(tree, item)) {
      if (numbers[member] !== numbers[member]) continue;
      sum += numbers[member]!;
      n++;
    }
    if (n) numbers[item] = sum / n;
  }
  return numbers;
}

export interface Words {
  /** The different ones, the most frequent first. */
  all: string[];
  /** Of each item its own word, or that of the innermost module around it; -1 for none. */
  of: Int32Array;
  /** Of what is inside an item: fractions that add up to 1 with those of no word. */
  mix: (item: number) => [word: number, share: number][];
}

export function wordsOf(graph: Graph, tree: Hierarchy, values: ReadonlyMap<string, string>): Words {
  const told = own(graph, tree, values);
  const counts = new Map<string, number>();
  for (const word of told) if (word !== undefined) counts.set(word, (counts.get(word) ?? 0) + 1);
  const all = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([word]) => word);
  const index = new Map(all.map((word, i) => [word, i]));
  const of = Int32Array.from(told, (word) => (word === undefined ? -1 : index.get(word)!));
  for (const item of inwards(tree).reverse()) if (of[item]! < 0) of[item] = of[tree.parent[item]!]!;
  const mix = (item: number): [number, number][] => {
    const inside = new Map<number, number>();
    const leaves = tree.leaves.subarray(tree.leafFrom[item], tree.leafTo[item]);
    for (const leaf of leaves) if (of[leaf]! >= 0) inside.set(of[leaf]!, (inside.get(of[leaf]!) ?? 0) + 1);
    return [...inside].sort((a, b) => a[0] - b[0]).map(([word, n]) => [word, n / leaves.length]);
  };
  return { all, of, mix };
}

/** Values by series and name, from a user. */
export type NodeData = Record<string, Record<string, number | string>>;

/** Of parsed JSON: values by name, or by series and name, as `netscope open --data` takes them; null if it is something else. */
export function readNodeData(json: unknown, name: string): NodeData | null {
  if (!isObject(json) || !Object.keys(json).length) return null;
  const series = Object.values(json).every(isObject) ? (json as Record<string, Record<string, unknown>>) : { [name]: json };
  const found: NodeData = {};
  for (const [key, part] of Object.entries(series)) {
    const values = (found[key] = {} as Record<string, number | string>);
    for (const [node, value] of Object.entries(part)) {
      if (typeof value === 'number' || typeof value === 'string') values[node] = value;
      else if (typeof value === 'boolean') values[node] = String(value);
      else if (value !== null) return null;
    }
  }
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A name of the data that is in no node or module; '' if at least one is. */
export function strangerIn(graph: Graph, data: NodeData): string {
  const known = new Set<string>();
  for (const column of [graph.nodeName, graph.scopeName, graph.tensorName]) for (const text of column) known.add(graph.text(text));
  const names = Object.values(data).flatMap((part) => Object.keys(part));
  return names.some((name) => known.has(name)) ? '' : (names[0] ?? '');
}

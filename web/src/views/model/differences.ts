/** Rows of the list of differences, and the colours and signs of each kind. */
import { isGroup, type Hierarchy } from '../../graph/hierarchy';
import type { Graph } from '../../graph/pack';
import { matcher } from '../../graph/search';
import { tensorsOf } from './facts';
import type { Difference, ModelComparison } from './modelComparison';

/** So that a difference is told without its colour, too. */
export const SIGNS: Readonly<Record<Difference, string>> = { same: '', moved: '≈', changed: 'Δ', added: '+', removed: '−' };

export interface Row {
  /** Node or tensor of the model on screen; -1 if it is in the other alone. */
  own: number;
  other: number;
  difference: Difference;
  name: string;
  op: string;
  /** Largest relative distance of its weights; NaN if unknown. */
  relative: number;
}

/** All nodes that differ, or stored arrays of a file without nodes, in the order of the graph. */
export function rowsOf(comparison: ModelComparison, own: Graph, other: Graph | null, tree: Hierarchy): Row[] {
  const isOfTensors = tree.hasTensorLeaves;
  const rows: Row[] = [];
  const n = isOfTensors ? comparison.nTensors : comparison.nNodes;
  for (let pair = 0; pair < n; pair++) {
    const found = isOfTensors ? comparison.tensor(pair) : comparison.node(pair);
    if (found.difference === 'same') continue;
    const [graph, index] = found.own >= 0 ? [own, found.own] : [other, found.other];
    rows.push({
      own: found.own,
      other: found.other,
      difference: found.difference,
      name: graph ? graph.text(isOfTensors ? graph.tensorName[index]! : graph.nodeName[index]!) : '',
      op: graph ? graph.text(isOfTensors ? graph.tensorDtype[index]! : graph.nodeOp[index]!) : '',
      relative: found.own < 0 ? NaN : isOfTensors ? comparison.tensor(pair).relative : largestOf(comparison, own, tree, found.own),
    });
  }
  return rows;
}

/** Largest relative distance among the stored arrays below an item; NaN if none is known. */
export function largestOf(comparison: ModelComparison, graph: Graph, tree: Hierarchy, item: number): number {
  let largest = NaN;
  for (const tensor of tensorsOf(graph, tree, item)) {
    const relative = comparison.ofTensor(tensor)?.relative ?? NaN;
    if (!(relative <= largest)) largest = relative === relative ? relative : largest;
  }
  return largest;
}

/** The rows that a search finds, in the order of the graph or with the farthest first. */
export function listed(rows: readonly Row[], typed: string, isByDistance: boolean): Row[] {
  const matches = typed.trim() ? matcher(typed) : null;
  const found = matches ? rows.filter((row) => matches(`${row.name} ${row.op}`)) : [...rows];
  // NaN, of what has no distance, comes last.
  return isByDistance ? found.sort((a, b) => (b.relative === b.relative ? b.relative : -1) - (a.relative === a.relative ? a.relative : -1)) : found;
}

/** How many leaves below an item are in each state. */
export function differencesOf(comparison: ModelComparison, tree: Hierarchy, item: number): Map<Difference, number> {
  const counts = new Map<Difference, number>();
  if (!isGroup(tree, item)) return counts.set(comparison.difference(item, tree.hasTensorLeaves), 1);
  for (let i = tree.leafFrom[item]!; i < tree.leafTo[item]!; i++) {
    const difference = comparison.difference(tree.leaves[i]!, tree.hasTensorLeaves);
    counts.set(difference, (counts.get(difference) ?? 0) + 1);
  }
  return counts;
}

/** Rows of the side panel about an item: inputs and outputs, tensors, operations. */
import { isGroup, type Hierarchy } from '../../graph/hierarchy';
import { consumersOfValue, type Links } from '../../graph/links';
import { shortOp } from '../../graph/labels';
import { shapeText, sizeOf, type Graph } from '../../graph/pack';

export interface ValueRow {
  value: number;
  /** Its name in the operation, if known. */
  role: string;
  name: string;
  /** "float32 1×64×56×56". */
  type: string;
  /** Nodes at the other end: its producer, or its consumers. */
  nodes: number[];
  /** Index of the tensor in which it is stored; -1 for none. */
  tensor: number;
}

interface TensorRow {
  index: number;
  name: string;
  dtype: string;
  shape: string;
  size: number;
  bytes: number;
}

export function typeOf(graph: Graph, value: number): string {
  const shape = graph.shape(graph.valueShape[value]!);
  return [graph.text(graph.valueDtype[value]!), shape ? shapeText(shape) : ''].filter(Boolean).join(' ');
}

function row(graph: Graph, value: number, role: string, nodes: number[]): ValueRow {
  return { value, role, name: graph.text(graph.valueName[value]!), type: typeOf(graph, value), nodes, tensor: graph.valueTensor[value]! };
}

export function inputRows(graph: Graph, links: Links, node: number): ValueRow[] {
  const names = graph.inputNamesOf(node);
  return [...graph.inputsOf(node)].flatMap((value, i) => {
    if (value < 0) return [];
    const maker = links.producer[value]!;
    return [row(graph, value, graph.text(names[i]!), maker >= 0 ? [maker] : [])];
  });
}

export function outputRows(graph: Graph, links: Links, node: number): ValueRow[] {
  return [...graph.outputsOf(node)].flatMap((value) => (value < 0 ? [] : [row(graph, value, '', [...consumersOfValue(links, value)])]));
}

/** Values that cross the border of a group, into it or out of it. */
export function borderRows(graph: Graph, links: Links, tree: Hierarchy, group: number): { inputs: ValueRow[]; outputs: ValueRow[] } {
  const inside = new Set<number>();
  for (let i = tree.leafFrom[group]!; i < tree.leafTo[group]!; i++) inside.add(tree.leaves[i]!);
  const inputs = new Map<number, ValueRow>();
  const outputs = new Map<number, ValueRow>();
  const results = new Set(graph.outputs);
  for (const node of inside) {
    for (const value of graph.inputsOf(node)) {
      if (value < 0 || inputs.has(value) || graph.valueTensor[value]! >= 0) continue;
      const maker = links.producer[value]!;
      if (maker >= 0 ? !inside.has(maker) && !links.isConstant[maker] : true) inputs.set(value, row(graph, value, '', maker >= 0 ? [maker] : []));
    }
    for (const value of graph.outputsOf(node)) {
      if (value < 0) continue;
      const outside = [...consumersOfValue(links, value)].filter((user) => !inside.has(user));
      if (outside.length || results.has(value)) outputs.set(value, row(graph, value, '', outside));
    }
  }
  return { inputs: [...inputs.values()], outputs: [...outputs.values()] };
}

export function tensorRow(graph: Graph, tensor: number): TensorRow {
  const shape = graph.shape(graph.tensorShape[tensor]!);
  return { index: tensor, name: graph.text(graph.tensorName[tensor]!), dtype: graph.text(graph.tensorDtype[tensor]!), shape: shapeText(shape), size: sizeOf(shape), bytes: graph.tensorBytes[tensor]! };
}

/** Tensors used by the operations below an item, or the item itself, each once. */
export function tensorsOf(graph: Graph, tree: Hierarchy, item: number): number[] {
  const found = new Set<number>();
  for (let i = tree.leafFrom[item]!; i < tree.leafTo[item]!; i++) {
    const leaf = tree.leaves[i]!;
    if (tree.hasTensorLeaves) found.add(leaf);
    else for (const value of graph.inputsOf(leaf)) if (value >= 0 && graph.valueTensor[value]! >= 0) found.add(graph.valueTensor[value]!);
  }
  return [...found];
}

/** Operations below an item with their counts. */
export function opCounts(graph: Graph, tree: Hierarchy, item: number): { op: string; n: number }[] {
  if (tree.hasTensorLeaves) return [];
  const counts = new Map<number, number>();
  for (let i = tree.leafFrom[item]!; i < tree.leafTo[item]!; i++) {
    const leaf = tree.leaves[i]!;
    if (leaf === item && isGroup(tree, item)) continue;
    const op = graph.nodeOp[leaf]!;
    counts.set(op, (counts.get(op) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([op, n]) => ({ op: shortOp(graph.text(op)), n }));
}

/** Text of an attribute: lists without quotes, long ones truncated. */
export function attributeText(value: unknown): string {
  const text = typeof value === 'string' ? value : Array.isArray(value) && value.every((one) => typeof one === 'number') ? value.join(', ') : JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

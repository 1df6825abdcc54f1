/** Derived from the columns: producer and consumers of each value, an order of execution, and nodes that only compute constants. */
import type { Graph } from './pack';

export interface Links {
  /** Node that computes a value; -1 for none. */
  producer: Int32Array;
  /** Nodes that use a value, once each: `consumers[consumerEnds[v - 1] .. consumerEnds[v]]`. */
  consumers: Int32Array;
  consumerEnds: Int32Array;
  /** Position of a node in an order in which producers come before consumers, as far as possible. */
  position: Int32Array;
  /** Nodes in that order. */
  order: Int32Array;
  /** 1 for a node whose result does not depend on the inputs; its value is drawn like a stored tensor. */
  isConstant: Uint8Array;
}

export function link(graph: Graph): Links {
  const { nNodes, nValues } = graph;
  const producer = new Int32Array(nValues).fill(-1);
  for (let node = 0, at = 0; node < nNodes; node++) for (; at < graph.outputEnds[node]!; at++) if (graph.nodeOutputs[at]! >= 0) producer[graph.nodeOutputs[at]!] = node;
  const { consumers, consumerEnds } = consumersOf(graph);
  const order = executionOrder(graph, producer, consumers, consumerEnds);
  const position = new Int32Array(nNodes);
  order.forEach((node, at) => (position[node] = at));
  return { producer, consumers, consumerEnds, position, order, isConstant: constants(graph, producer, order) };
}

export function consumersOfValue(links: Links, value: number): Int32Array {
  return links.consumers.subarray(value ? links.consumerEnds[value - 1] : 0, links.consumerEnds[value]);
}

function consumersOf(graph: Graph): Pick<Links, 'consumers' | 'consumerEnds'> {
  const { nNodes, nValues, inputEnds, nodeInputs } = graph;
  const ends = new Int32Array(nValues);
  const last = new Int32Array(nValues).fill(-1);
  const each = (tell: (value: number, node: number) => void) => {
    last.fill(-1);
    for (let node = 0, at = 0; node < nNodes; node++)
      for (; at < inputEnds[node]!; at++) {
        const value = nodeInputs[at]!;
        if (value < 0 || last[value] === node) continue;
        last[value] = node;
        tell(value, node);
      }
  };
  each((value) => ends[value]!++);
  for (let value = 1; value < nValues; value++) ends[value]! += ends[value - 1]!;
  const consumers = new Int32Array(nValues ? ends[nValues - 1]! : 0);
  const next = new Int32Array(nValues);
  for (let value = 1; value < nValues; value++) next[value] = ends[value - 1]!;
  each((value, node) => (consumers[next[value]!++] = node));
  return { consumers, consumerEnds: ends };
}

/** The order of the file if it is a valid order of execution, otherwise the nearest valid one. */
function executionOrder(graph: Graph, producer: Int32Array, consumers: Int32Array, consumerEnds: Int32Array): Int32Array {
  const { nNodes, inputEnds, nodeInputs } = graph;
  const order = new Int32Array(nNodes);
  let isSorted = true;
  for (let node = 0, at = 0; node < nNodes; node++) {
    order[node] = node;
    for (; at < inputEnds[node]!; at++) if (nodeInputs[at]! >= 0 && producer[nodeInputs[at]!]! > node) isSorted = false;
  }
  if (isSorted) return order;
  const waits = new Int32Array(nNodes);
  for (let value = 0; value < producer.length; value++)
    if (producer[value]! >= 0) for (let at = value ? consumerEnds[value - 1]! : 0; at < consumerEnds[value]!; at++) waits[consumers[at]!]!++;
  const ready = new Heap();
  const isDone = new Uint8Array(nNodes);
  for (let node = 0; node < nNodes; node++) if (!waits[node]) ready.push(node);
  let stuck = 0;
  for (let n = 0; n < nNodes; ) {
    let node = ready.pop();
    if (node < 0) {
      // A loop: it is entered at its first node.
      while (isDone[stuck]) stuck++;
      node = stuck;
    }
    if (isDone[node]) continue;
    isDone[node] = 1;
    order[n++] = node;
    for (const value of graph.outputsOf(node)) {
      if (value < 0) continue;
      for (let at = value ? consumerEnds[value - 1]! : 0; at < consumerEnds[value]!; at++) {
        const to = consumers[at]!;
        if (!isDone[to] && --waits[to]! <= 0) ready.push(to);
      }
    }
  }
  return order;
}

/** Smallest number first. */
export class Heap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (items[above]! <= item) break;
      items[at] = items[above]!;
      at = above;
    }
    items[at] = item;
  }

  /** -1 if it is empty. */
  pop(): number {
    const items = this.#items;
    if (!items.length) return -1;
    const top = items[0]!;
    const item = items.pop()!;
    if (!items.length) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && items[below + 1]! < items[below]!) below++;
      if (items[below]! >= item) break;
      items[at] = items[below]!;
      at = below;
    }
    items[at] = item;
    return top;
  }
}

const SOURCES = new Set(['Constant', 'Const', 'ConstantOfShape', 'VariableV2', 'VarHandleOp', 'Parameter', 'prim::Constant']);
/** Operations on a constant whose result is still treated as a constant. */
const PASSES = new Set(['ConstantOfShape', 'Identity', 'ReadVariableOp', 'Cast', 'Convert']);

function constants(graph: Graph, producer: Int32Array, order: Int32Array): Uint8Array {
  const isConstant = new Uint8Array(graph.nNodes);
  const makes = new Set<number>();
  const passes = new Set<number>();
  for (const index of new Set(graph.nodeOp)) {
    if (SOURCES.has(graph.text(index))) makes.add(index);
    if (PASSES.has(graph.text(index))) passes.add(index);
  }
  if (!makes.size && !passes.size) return isConstant;
  const owners = new Set(graph.scopeOwner);
  for (const node of order) {
    const op = graph.nodeOp[node]!;
    if (owners.has(node) || (!makes.has(op) && !passes.has(op))) continue;
    const inputs = graph.inputsOf(node).filter((value) => value >= 0);
    const isStored = (value: number) => graph.valueTensor[value]! >= 0 || (producer[value]! >= 0 && isConstant[producer[value]!] === 1);
    isConstant[node] = (inputs.length ? inputs.every(isStored) : makes.has(op)) ? 1 : 0;
  }
  // Outputs of the network are shown even if they are constants.
  for (const value of graph.outputs) if (value >= 0 && producer[value]! >= 0) isConstant[producer[value]!] = 0;
  return isConstant;
}

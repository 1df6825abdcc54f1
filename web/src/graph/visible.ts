/** What is on screen in a state of the view: boxes, the edges between them, and which of those are labels instead of lines. */
import { isGroup, membersOf, type Hierarchy } from './hierarchy';
import type { Links } from './links';
import type { Graph } from './pack';

/** Boxes: items of the hierarchy, then one for each input of the graph and one for each output. */
export interface Visible {
  firstInput: number;
  firstOutput: number;
  nIds: number;
  /** The box that holds a box: an open group; -1 for the root and for what is not on screen. */
  parent: Int32Array;
  /** Open groups, outer ones first. */
  open: number[];
  /** Boxes of each open group, beside it. */
  inside: Map<number, number[]>;
  /** The box that stands for each node: itself or a closed group; -1 if it is not drawn. */
  standsFor: Int32Array;
  /** Edges between boxes that are neither open nor hidden. */
  from: Int32Array;
  to: Int32Array;
  /** The first value of an edge, and how many it carries. */
  value: Int32Array;
  nValues: Int32Array;
  bytes: Float64Array;
  /** 1 for an edge that is labelled at both ends instead of being drawn. */
  isTold: Uint8Array;
}

/** A value that goes to more boxes than this gets labels, except for nearby ones. */
const MOST_LINES = 6;
/** Boxes below one another that still count as near. */
const NEAR = 3;

export function see(graph: Graph, links: Links, tree: Hierarchy, expanded: ReadonlySet<number>): Visible {
  const firstInput = tree.nItems;
  const firstOutput = firstInput + graph.inputs.length;
  const nIds = firstOutput + graph.outputs.length;
  const parent = new Int32Array(nIds).fill(-1);
  const open: number[] = [tree.root];
  const inside = new Map<number, number[]>();
  const standsFor = new Int32Array(tree.nLeaves).fill(-1);
  for (let at = 0; at < open.length; at++) {
    const group = open[at]!;
    const boxes: number[] = [];
    for (const member of membersOf(tree, group)) {
      parent[member] = group;
      boxes.push(member);
      if (isGroup(tree, member) && expanded.has(member)) {
        open.push(member);
        if (member < tree.nLeaves) standsFor[member] = member;
      } else for (let i = tree.leafFrom[member]!; i < tree.leafTo[member]!; i++) standsFor[tree.leaves[i]!] = member;
    }
    inside.set(group, boxes);
  }

  const edges = new Edges(graph, nIds);
  if (!tree.hasTensorLeaves) {
    const inputOf = new Map<number, number>();
    graph.inputs.forEach((value, i) => value >= 0 && inputOf.set(value, firstInput + i));
    const makerOf = (value: number) => {
      const node = links.producer[value]!;
      if (node >= 0) return links.isConstant[node] ? -1 : standsFor[node]!;
      return inputOf.get(value) ?? -1;
    };
    for (const node of links.order) {
      const to = standsFor[node]!;
      if (to < 0) continue;
      for (let at = node ? graph.inputEnds[node - 1]! : 0; at < graph.inputEnds[node]!; at++) {
        const value = graph.nodeInputs[at]!;
        if (value < 0) continue;
        const from = makerOf(value);
        if (from >= 0 && from !== to) edges.add(from, to, value, to !== node);
      }
    }
    graph.outputs.forEach((value, i) => value >= 0 && makerOf(value) >= 0 && edges.add(makerOf(value), firstOutput + i, value));
    const top = inside.get(tree.root)!;
    const used = new Set(edges.from);
    const inputs: number[] = [];
    for (let id = firstInput; id < firstOutput; id++) if (used.has(id) || graph.inputs.length <= 8) inputs.push(id);
    for (const id of inputs) parent[id] = tree.root;
    top.unshift(...inputs);
    for (let id = firstOutput; id < nIds; id++) {
      parent[id] = tree.root;
      top.push(id);
    }
  }
  const found = edges.columns();
  return { firstInput, firstOutput, nIds, parent, open, inside, standsFor, ...found, isTold: told(found.from, found.to, nIds) };
}

class Edges {
  readonly from: number[] = [];
  readonly #to: number[] = [];
  readonly #value: number[] = [];
  readonly #nValues: number[] = [];
  readonly #bytes: number[] = [];
  readonly #lastValue: number[] = [];
  /** The latest edge of each box, and all of those into groups. */
  readonly #latest: Int32Array;
  readonly #known = new Map<number, number>();

  constructor(
    readonly graph: Graph,
    readonly nIds: number,
  ) {
    this.#latest = new Int32Array(nIds).fill(-1);
  }

  /** The edges into a group come among others, those into anything else one after the other. */
  add(from: number, to: number, value: number, isGroup = false): void {
    let at = this.#latest[from]!;
    if (at < 0 || this.#to[at] !== to) at = (isGroup ? this.#known.get(from * this.nIds + to) : undefined) ?? this.#begin(from, to, value, isGroup);
    this.#latest[from] = at;
    if (this.#lastValue[at] === value) return;
    this.#lastValue[at] = value;
    this.#nValues[at]!++;
    const size = bytesOfValue(this.graph, value);
    if (size > this.#bytes[at]!) this.#bytes[at] = size;
  }

  #begin(from: number, to: number, value: number, isGroup: boolean): number {
    const at = this.from.length;
    if (isGroup) this.#known.set(from * this.nIds + to, at);
    this.from.push(from);
    this.#to.push(to);
    this.#value.push(value);
    this.#nValues.push(0);
    this.#bytes.push(0);
    this.#lastValue.push(-1);
    return at;
  }

  columns(): Pick<Visible, 'from' | 'to' | 'value' | 'nValues' | 'bytes'> {
    return { from: Int32Array.from(this.from), to: Int32Array.from(this.#to), value: Int32Array.from(this.#value), nValues: Int32Array.from(this.#nValues), bytes: Float64Array.from(this.#bytes) };
  }
}

/** NaN if the shape is unknown; a symbolic batch size counts as one. */
export function bytesOfValue(graph: Graph, value: number): number {
  return graph.elements(graph.valueShape[value]!) * graph.elementBytes(graph.valueDtype[value]!);
}

/** Choose the edges to label: distant ones of values with many targets, and the longest if lines would exceed the size of the graph. */
function told(from: Int32Array, to: Int32Array, nIds: number): Uint8Array {
  const m = from.length;
  const isTold = new Uint8Array(m);
  const fan = new Int32Array(nIds);
  for (const id of from) fan[id]!++;
  // Edges are in the order of what they go to, so that one pass ranks all; sources are then moved down to what they feed first.
  const rank = new Int32Array(nIds);
  for (let e = 0; e < m; e++) rank[to[e]!] = Math.max(rank[to[e]!]!, rank[from[e]!]! + 1);
  const hasInput = new Uint8Array(nIds);
  for (const id of to) hasInput[id] = 1;
  const least = new Int32Array(nIds).fill(2 ** 30);
  for (let e = 0; e < m; e++) least[from[e]!] = Math.min(least[from[e]!]!, rank[to[e]!]!);
  for (let id = 0; id < nIds; id++) if (!hasInput[id] && least[id]! < 2 ** 30) rank[id] = least[id]! - 1;
  const long: number[] = [];
  let bends = 0;
  for (let e = 0; e < m; e++) {
    const length = rank[to[e]!]! - rank[from[e]!]!;
    if (fan[from[e]!]! > MOST_LINES && length > NEAR) isTold[e] = 1;
    else if (length > 1) {
      bends += length - 1;
      long.push(e);
    }
  }
  const limit = 4 * m + 4000;
  const lengthOf = (e: number) => rank[to[e]!]! - rank[from[e]!]!;
  if (bends > limit) {
    long.sort((a, b) => lengthOf(b) - lengthOf(a));
    for (const e of long) {
      if (bends <= limit) break;
      isTold[e] = 1;
      bends -= lengthOf(e) - 1;
    }
  }
  return isTold;
}

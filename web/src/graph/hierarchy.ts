/**
 * The tree of what can be drawn: operations in the scopes of their modules, with runs of identical blocks as one item.
 *
 * An item is a number: nodes of the graph first (of a file of weights alone: its tensors), then scopes, then repeats.
 */
import type { Links } from './links';
import { sizeOf, type Graph } from './pack';
import { blockRuns, LEAST_ROW, SHORTEST_RUN } from './blocks';
import { mixed } from './hash';
import { sizeUsers } from './sizes';

export interface Hierarchy {
  nLeaves: number;
  nScopes: number;
  nItems: number;
  /** Whether the leaves are tensors, in a file without operations. */
  hasTensorLeaves: boolean;
  root: number;
  /** Item that stands for a scope: itself, or the item that a scope with a single member was merged with. */
  itemOfScope: Int32Array;
  /** Scope that an item stands for, the innermost where several were merged; -1 for none. */
  scopeOf: Int32Array;
  /** -1 for the root and for what is merged into another item. */
  parent: Int32Array;
  depth: Int32Array;
  /** `members[memberEnds[i - 1] .. memberEnds[i]]`: what an item holds, in order of execution. */
  members: Int32Array;
  memberEnds: Int32Array;
  /** Items with the same are built alike: operations, shapes and connections. */
  structure: Float64Array;
  /** How many identical blocks an item holds, and nothing else; 0 when it does not. */
  repeats: Int32Array;
  /** REPEAT, SIZES or BLOCK for an item that was made by folding; 0 for leaves and scopes. */
  made: Uint8Array;
  /** Leaves below an item are `leaves[leafFrom[i] .. leafTo[i]]`. */
  leaves: Int32Array;
  leafFrom: Int32Array;
  leafTo: Int32Array;
}

export function membersOf(tree: Hierarchy, item: number): Int32Array {
  return tree.members.subarray(item ? tree.memberEnds[item - 1] : 0, tree.memberEnds[item]);
}

export function isGroup(tree: Hierarchy, item: number): boolean {
  return tree.memberEnds[item]! > (item ? tree.memberEnds[item - 1]! : 0);
}

/** Whether `item` is below `ancestor`, or is it. */
export function isWithin(tree: Hierarchy, item: number, ancestor: number): boolean {
  for (let at = item; at >= 0; at = tree.parent[at]!) if (at === ancestor) return true;
  return false;
}

/** From the root to the item. */
export function pathTo(tree: Hierarchy, item: number): number[] {
  const path: number[] = [];
  for (let at = item; at >= 0; at = tree.parent[at]!) path.push(at);
  return path.reverse();
}

/** What an item without a scope stands for. */
export const REPEAT = 1;
/** Operations that only compute sizes for another one. */
export const SIZES = 2;
/** One of several equal parts of a row of operations. */
export const BLOCK = 3;

/** Every leaf in the root, without groups: nothing is compared or folded. */
function flatHierarchy(graph: Graph, links: Links): Hierarchy {
  const hasTensorLeaves = graph.nNodes === 0;
  const nLeaves = hasTensorLeaves ? graph.nTensors : graph.nNodes;
  const nScopes = Math.max(1, graph.nScopes);
  const nItems = nLeaves + nScopes;
  const leaves = hasTensorLeaves ? Int32Array.from({ length: nLeaves }, (_, i) => i) : links.order.filter((node) => !links.isConstant[node]);
  const parent = new Int32Array(nItems).fill(-1);
  const depth = new Int32Array(nItems);
  const leafFrom = new Int32Array(nItems);
  const leafTo = new Int32Array(nItems);
  leaves.forEach((leaf, at) => {
    parent[leaf] = nLeaves;
    depth[leaf] = 1;
    leafFrom[leaf] = at;
    leafTo[leaf] = at + 1;
  });
  leafTo[nLeaves] = leaves.length;
  return {
    nLeaves,
    nScopes,
    nItems,
    hasTensorLeaves,
    root: nLeaves,
    itemOfScope: new Int32Array(nScopes).fill(-1).fill(nLeaves, 0, 1),
    scopeOf: new Int32Array(nItems).fill(-1).fill(0, nLeaves, nLeaves + 1),
    parent,
    depth,
    members: leaves,
    memberEnds: new Int32Array(nItems).fill(leaves.length, nLeaves),
    structure: new Float64Array(nItems),
    repeats: new Int32Array(nItems),
    made: new Uint8Array(nItems),
    leaves,
    leafFrom,
    leafTo,
  };
}

export function buildHierarchy(graph: Graph, links: Links, isFlat = false): Hierarchy {
  if (isFlat) return flatHierarchy(graph, links);
  const hasTensorLeaves = graph.nNodes === 0;
  const nLeaves = hasTensorLeaves ? graph.nTensors : graph.nNodes;
  const nScopes = Math.max(1, graph.nScopes);
  const scopeOfLeaf = hasTensorLeaves ? graph.tensorScope : graph.nodeScope;
  const isShown = (leaf: number) => hasTensorLeaves || !links.isConstant[leaf];
  const first = (leaf: number) => (hasTensorLeaves ? leaf : links.position[leaf]!);

  // Members of each scope; of a node, the scopes of its bodies.
  const held: number[][] = Array.from({ length: nScopes }, () => []);
  const bodies = new Map<number, number[]>();
  const order = hasTensorLeaves ? Int32Array.from({ length: nLeaves }, (_, i) => i) : links.order;
  for (const leaf of order) if (isShown(leaf)) held[Math.max(0, scopeOfLeaf[leaf]!)]!.push(leaf);
  const firsts = new Float64Array(nScopes).fill(Infinity);
  for (let scope = 1; scope < nScopes; scope++) for (const leaf of held[scope]!) firsts[scope] = Math.min(firsts[scope]!, first(leaf));
  // Children come after their parents in the columns, as their paths are longer; where they do not, this is done until nothing changes.
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false;
    for (let scope = nScopes - 1; scope > 0; scope--) {
      const owner = graph.scopeOwner[scope]!;
      const above = owner >= 0 ? graph.nodeScope[owner]! : graph.scopeParent[scope]!;
      if (owner < 0 && above > 0 && firsts[scope]! < firsts[above]!) {
        firsts[above] = firsts[scope]!;
        hasChanged = true;
      }
    }
  }
  for (let scope = 1; scope < nScopes; scope++) {
    const owner = graph.scopeOwner[scope]!;
    if (owner >= 0 && !hasTensorLeaves) bodies.set(owner, [...(bodies.get(owner) ?? []), scope]);
    else held[Math.max(0, graph.scopeParent[scope]!)]!.push(nLeaves + scope);
  }
  const firstOf = (item: number) => (item < nLeaves ? first(item) : firsts[item - nLeaves]!);
  for (const items of held) items.sort((a, b) => firstOf(a) - firstOf(b) || a - b);

  const builder = new Builder(graph, links, nLeaves, nScopes, hasTensorLeaves, held, bodies);
  return builder.build();
}

class Builder {
  readonly #membersOf = new Map<number, number[]>();
  readonly #itemOfScope: Int32Array;
  readonly #repeats = new Map<number, number>();
  readonly #made = new Map<number, number>();
  readonly #structure: number[];

  constructor(
    readonly graph: Graph,
    readonly links: Links,
    readonly nLeaves: number,
    readonly nScopes: number,
    readonly hasTensorLeaves: boolean,
    readonly held: number[][],
    readonly bodies: Map<number, number[]>,
  ) {
    this.#itemOfScope = new Int32Array(nScopes).fill(-1);
    this.#structure = new Array<number>(nLeaves + nScopes).fill(0);
  }

  build(): Hierarchy {
    const root = this.nLeaves;
    this.#gather(root);
    this.#unwrap(root);
    if (!this.hasTensorLeaves) this.#foldSizes();
    this.#hashAll(root);
    if (!this.hasTensorLeaves) this.#foldBlocks();
    this.#fold(root);
    return this.#columns(root);
  }

  /** Members after merging: nothing for an empty scope, the member itself for a scope with a single one. */
  #gather(root: number): void {
    const { nLeaves, held, bodies } = this;
    const stack: [item: number, isDone: boolean][] = [[root, false]];
    const shown = new Map<number, number>();
    while (stack.length) {
      const [item, isDone] = stack.pop()!;
      const inside = item < nLeaves ? (bodies.get(item) ?? []).map((scope) => nLeaves + scope) : held[item - nLeaves]!;
      if (!isDone) {
        if (item < nLeaves && !inside.length) {
          shown.set(item, item);
          continue;
        }
        stack.push([item, true]);
        for (const one of inside) stack.push([one, false]);
        continue;
      }
      const members = inside.map((one) => shown.get(one)!).filter((one) => one >= 0);
      const isMerged = item !== root && item >= nLeaves && members.length === 1 && !this.#isBody(item);
      if (item < nLeaves) shown.set(item, item);
      else shown.set(item, members.length ? (isMerged ? members[0]! : item) : -1);
      if (item >= nLeaves) this.#itemOfScope[item - nLeaves] = shown.get(item)!;
      if (!isMerged && members.length) this.#membersOf.set(item, members);
    }
  }

  /** A scope of no known class around everything, such as "gpu_0", is no box. */
  #unwrap(root: number): void {
    for (;;) {
      const members = this.#membersOf.get(root) ?? [];
      const only = members[0]!;
      if (members.length !== 1 || only < this.nLeaves || !this.#membersOf.has(only) || this.graph.text(this.graph.scopeKind[only - this.nLeaves]!)) return;
      this.#membersOf.set(root, this.#membersOf.get(only)!);
      this.#membersOf.delete(only);
      this.#itemOfScope.forEach((item, scope) => item === only && (this.#itemOfScope[scope] = root));
    }
  }

  /** A new item that holds some of the members of another. */
  #make(kind: number, members: number[]): number {
    const item = this.#structure.push(0) - 1;
    this.#made.set(item, kind);
    this.#membersOf.set(item, members);
    return item;
  }

  /** What only computes sizes for an operation becomes one box before it. */
  #foldSizes(): void {
    const users = sizeUsers(this.graph, this.links);
    for (const [item, members] of [...this.#membersOf]) {
      const folds = new Map<number, number[]>();
      for (const member of members) {
        if (member >= this.nLeaves || users[member]! < 0 || this.#membersOf.has(member)) continue;
        const list = folds.get(users[member]!);
        if (list) list.push(member);
        else folds.set(users[member]!, [member]);
      }
      const boxes = new Map<number, number>();
      const folded = new Set<number>();
      for (const list of folds.values()) {
        if (list.length < 2 || list.length === members.length) continue;
        boxes.set(list.at(-1)!, this.#make(SIZES, list));
        for (const member of list) folded.add(member);
      }
      if (boxes.size) this.#membersOf.set(item, members.flatMap((member) => (boxes.has(member) ? [boxes.get(member)!] : folded.has(member) ? [] : [member])));
    }
  }

  /** Equal parts of a row of operations become blocks, which are then folded as others are. */
  #foldBlocks(): void {
    const parents = this.#parents();
    const slots = new Int32Array(this.#structure.length);
    const waiting = [...this.#membersOf.keys()];
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
      const members = this.#membersOf.get(item)!;
      if (members.length < LEAST_ROW) continue;
      members.forEach((member, slot) => (slots[member] = slot));
      const runs = blockRuns(Float64Array.from(members, (member) => this.#structure[member]!), this.#edgesIn(item, members, parents, slots));
      if (!runs.length) continue;
      const folded: number[] = [];
      let at = 0;
      for (const { from, size, times } of runs) {
        folded.push(...members.slice(at, from));
        let hash = 11;
        for (const member of members.slice(from, from + size)) hash = mixed(hash, this.#structure[member]!);
        for (at = from; at < from + size * times; at += size) {
          const block = this.#make(BLOCK, members.slice(at, at + size));
          this.#structure[block] = hash;
          folded.push(block);
        }
      }
      folded.push(...members.slice(at));
      this.#membersOf.set(item, folded);
    }
  }

  #parents(): Int32Array {
    const parents = new Int32Array(this.#structure.length).fill(-1);
    for (const [item, members] of this.#membersOf) for (const member of members) parents[member] = item;
    return parents;
  }

  /** Connections between members of an item, by their slots. */
  #edgesIn(item: number, members: readonly number[], parents: Int32Array, slots: Int32Array): { from: Int32Array; to: Int32Array } {
    const { graph, links } = this;
    const from: number[] = [];
    const to: number[] = [];
    const slotOf = (node: number) => {
      let at = node;
      while (at >= 0 && parents[at] !== item) at = parents[at]!;
      return at < 0 ? -1 : slots[at]!;
    };
    const stack: number[] = [];
    for (const member of members) {
      stack.push(member);
      for (let one = stack.pop(); one !== undefined; one = stack.pop()) {
        for (const below of this.#membersOf.get(one) ?? []) stack.push(below);
        if (one >= this.nLeaves) continue;
        for (const value of graph.inputsOf(one)) {
          const maker = value < 0 ? -1 : links.producer[value]!;
          const source = maker < 0 || links.isConstant[maker] ? -1 : slotOf(maker);
          if (source < 0 || source === slots[member]!) continue;
          from.push(source);
          to.push(slots[member]!);
        }
      }
    }
    return { from: Int32Array.from(from), to: Int32Array.from(to) };
  }

  #isBody(item: number): boolean {
    return item >= this.nLeaves && this.graph.nScopes > 0 && this.graph.scopeOwner[item - this.nLeaves]! >= 0;
  }

  /** Structure of each item, from the leaves up. */
  #hashAll(root: number): void {
    const { graph, links, nLeaves } = this;
    const parents = new Int32Array(this.#structure.length).fill(-1);
    const slots = new Int32Array(this.#structure.length);
    // -1: merged into another item, or not shown.
    const depths = new Int32Array(this.#structure.length).fill(-1);
    depths[root] = 0;
    const sequence: number[] = [root];
    for (let at = 0; at < sequence.length; at++) {
      const item = sequence[at]!;
      (this.#membersOf.get(item) ?? []).forEach((member, slot) => {
        parents[member] = item;
        slots[member] = slot;
        depths[member] = depths[item]! + 1;
        sequence.push(member);
      });
    }
    // Connections count where they join two members of one item.
    const inner = new Map<number, number>();
    if (!this.hasTensorLeaves && this.#membersOf.size > 1)
      for (let node = 0, at = 0; node < graph.nNodes; node++)
        for (; at < graph.inputEnds[node]!; at++) {
          const value = graph.nodeInputs[at]!;
          const from = value < 0 ? -1 : links.producer[value]!;
          if (from < 0 || depths[from]! < 0 || depths[node]! < 0) continue;
          let [a, b] = [from, node];
          while (depths[a]! > depths[b]!) a = parents[a]!;
          while (depths[b]! > depths[a]!) b = parents[b]!;
          while (a !== b && parents[a] !== parents[b]) [a, b] = [parents[a]!, parents[b]!];
          if (a === b) continue;
          const above = parents[a]!;
          inner.set(above, (inner.get(above) ?? 0) + mixed(slots[a]!, slots[b]!));
        }
    for (let at = sequence.length - 1; at >= 0; at--) {
      const item = sequence[at]!;
      let hash = item < nLeaves ? this.#leafHash(item) : 7;
      for (const member of this.#membersOf.get(item) ?? []) hash = mixed(hash, this.#structure[member]!);
      this.#structure[item] = mixed(hash, (inner.get(item) ?? 0) % 2 ** 52);
    }
  }

  #leafHash(leaf: number): number {
    const { graph } = this;
    if (this.hasTensorLeaves) return mixed(graph.tensorShape[leaf]!, graph.tensorDtype[leaf]!);
    let hash = graph.nodeOp[leaf]!;
    for (const value of graph.outputsOf(leaf)) hash = mixed(hash, value < 0 ? -1 : graph.valueShape[value]!);
    for (const value of graph.inputsOf(leaf)) hash = mixed(hash, value < 0 ? -1 : graph.valueTensor[value]! >= 0 ? graph.tensorShape[graph.valueTensor[value]!]! : -2);
    return hash;
  }

  /** Runs of identical blocks become one item, unless they are all that their scope has. */
  #fold(root: number): void {
    for (const [item, members] of [...this.#membersOf]) {
      const runs: [from: number, to: number][] = [];
      for (let from = 0; from < members.length; ) {
        let to = from + 1;
        while (to < members.length && this.#isBlock(members[from]!) && this.#isBlock(members[to]!) && this.#structure[members[to]!] === this.#structure[members[from]!]) to++;
        if (to - from >= SHORTEST_RUN) runs.push([from, to]);
        from = to;
      }
      if (!runs.length) continue;
      if (runs.length === 1 && runs[0]![1] - runs[0]![0] === members.length && item !== root) {
        this.#repeats.set(item, members.length);
        continue;
      }
      const folded: number[] = [];
      let at = 0;
      for (const [from, to] of runs) {
        folded.push(...members.slice(at, from));
        const repeat = this.#make(REPEAT, members.slice(from, to));
        this.#structure[repeat] = mixed(this.#structure[members[from]!]!, to - from);
        this.#repeats.set(repeat, to - from);
        folded.push(repeat);
        at = to;
      }
      folded.push(...members.slice(at));
      this.#membersOf.set(item, folded);
    }
  }

  #isBlock(item: number): boolean {
    return this.#membersOf.has(item);
  }

  #columns(root: number): Hierarchy {
    const { nLeaves, nScopes, hasTensorLeaves } = this;
    const nItems = this.#structure.length;
    const parent = new Int32Array(nItems).fill(-1);
    const depth = new Int32Array(nItems);
    const memberEnds = new Int32Array(nItems);
    const leafFrom = new Int32Array(nItems);
    const leafTo = new Int32Array(nItems);
    const all: number[] = [];
    for (let item = 0; item < nItems; item++) {
      for (const member of this.#membersOf.get(item) ?? []) {
        all.push(member);
        parent[member] = item;
      }
      memberEnds[item] = all.length;
    }
    const leaves: number[] = [];
    const stack: number[] = [root];
    while (stack.length) {
      const item = stack.pop()!;
      if (item < 0) {
        leafTo[-item - 1] = leaves.length;
        continue;
      }
      if (parent[item]! >= 0) depth[item] = depth[parent[item]!]! + 1;
      leafFrom[item] = leaves.length;
      // A node with bodies stands for itself too.
      if (item < nLeaves) leaves.push(item);
      stack.push(-item - 1);
      const members = this.#membersOf.get(item) ?? [];
      for (let at = members.length - 1; at >= 0; at--) stack.push(members[at]!);
    }
    const scopeOf = new Int32Array(nItems).fill(-1);
    const nameOf = (scope: number) => this.graph.text(this.graph.scopeName[scope] ?? -1);
    for (let scope = 0; scope < nScopes; scope++) {
      const item = this.#itemOfScope[scope]!;
      if (item >= 0 && (scopeOf[item]! < 0 || nameOf(scope).length > nameOf(scopeOf[item]!).length)) scopeOf[item] = scope;
    }
    const repeats = new Int32Array(nItems);
    for (const [item, times] of this.#repeats) repeats[item] = times;
    const made = new Uint8Array(nItems);
    for (const [item, kind] of this.#made) made[item] = kind;
    return {
      nLeaves,
      nScopes,
      nItems,
      hasTensorLeaves,
      root,
      itemOfScope: this.#itemOfScope,
      scopeOf,
      parent,
      depth,
      members: Int32Array.from(all),
      memberEnds,
      structure: Float64Array.from(this.#structure),
      repeats,
      made,
      leaves: Int32Array.from(leaves),
      leafFrom,
      leafTo,
    };
  }
}

export interface Totals {
  /** Operations below an item, or that it is. */
  nodes: Float64Array;
  /** Weights that it uses, each tensor once: numbers that are not 32- or 64-bit integers or Booleans, as the summary counts them. */
  parameters: Float64Array;
  /** Sum of those that are known; NaN where none is. */
  flops: Float64Array;
  /** Bytes of its tensors. */
  bytes: Float64Array;
}

const NO_WEIGHTS = new Set(['int32', 'int64', 'uint32', 'uint64', 'bool', 'string']);

/** Leaves that use each tensor. */
function usersOfTensors(graph: Graph, tree: Hierarchy): (number[] | undefined)[] {
  const users = new Array<number[] | undefined>(graph.nTensors);
  if (tree.hasTensorLeaves) for (let tensor = 0; tensor < graph.nTensors; tensor++) users[tensor] = [tensor];
  else
    for (let node = 0, at = 0; node < graph.nNodes; node++)
      for (; at < graph.inputEnds[node]!; at++) {
        const tensor = graph.nodeInputs[at]! < 0 ? -1 : graph.valueTensor[graph.nodeInputs[at]!]!;
        if (tensor < 0) continue;
        const list = (users[tensor] ??= []);
        if (list.at(-1) !== node) list.push(node);
      }
  return users;
}

export function totalsOf(graph: Graph, tree: Hierarchy): Totals {
  const totals: Totals = { nodes: new Float64Array(tree.nItems), parameters: new Float64Array(tree.nItems), flops: new Float64Array(tree.nItems).fill(NaN), bytes: new Float64Array(tree.nItems) };
  const seen = new Int32Array(tree.nItems).fill(-1);
  usersOfTensors(graph, tree).forEach((nodes, tensor) => {
    const size = NO_WEIGHTS.has(graph.text(graph.tensorDtype[tensor]!)) ? NaN : sizeOf(graph.shape(graph.tensorShape[tensor]!));
    for (const node of nodes ?? [])
      for (let item = node; item >= 0 && seen[item] !== tensor; item = tree.parent[item]!) {
        seen[item] = tensor;
        if (size === size) totals.parameters[item]! += size;
        totals.bytes[item]! += graph.tensorBytes[tensor]! || 0;
      }
  });
  for (let leaf = 0; leaf < tree.nLeaves; leaf++) {
    const flops = tree.hasTensorLeaves ? NaN : graph.nodeFlops[leaf]!;
    if (tree.parent[leaf]! < 0) continue;
    for (let item = leaf; item >= 0; item = tree.parent[item]!) {
      totals.nodes[item]!++;
      if (flops === flops) totals.flops[item] = flops + (totals.flops[item]! || 0);
    }
  }
  return totals;
}

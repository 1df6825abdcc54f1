/** A drawing of the graph: positions of all boxes, lines and labels, as columns that can be transferred between threads. */
import { isGroup, isWithin, type Hierarchy, type Totals } from './hierarchy';
import { badgeOf, labelOf, sizeOfLabel } from './labels';
import type { Memo } from './layout/memo';
import { LINE_GAP_PX, type Problem, type Solution } from './layout/problem';
import { rankOf } from './layout/rank';
import { textWidth } from './measure';
import { shapeText, type Graph } from './pack';
import type { Visible } from './visible';

export type Direction = 'down' | 'right';

export const CLOSED = 0;
export const OPEN = 1;
export const LEAF = 2;
export const INPUT = 3;
export const OUTPUT = 4;

export interface Scene {
  direction: Direction;
  width: number;
  height: number;
  /** Boxes, outer ones before inner ones. */
  id: Int32Array;
  kind: Uint8Array;
  depth: Uint8Array;
  x: Float32Array;
  y: Float32Array;
  w: Float32Array;
  h: Float32Array;
  /** Box of the group that holds it; -1 for the root, which is not drawn. */
  parent: Int32Array;
  /** Lines, one per drawn edge and group that it crosses: corners are `(x, y)`, straight lines and curves alternately. */
  corners: Float32Array;
  cornerEnds: Int32Array;
  ownFrom: Int32Array;
  /** Edge of `Visible` that a line belongs to; the first if several share a line. */
  edge: Int32Array;
  /** Id of the box at which its edge begins, and of the box that the line ends at: that of the edge, or a group on the way. */
  source: Int32Array;
  target: Int32Array;
  hasArrow: Uint8Array;
  isBack: Uint8Array;
  /** Free px beside it for the shape; 0 where another line of the same source has it, less where its source has several lines. */
  room: Float32Array;
  /** Boundaries of each line, for culling. */
  low: Float32Array;
  high: Float32Array;
  /** Labelled edges by box: ids that come in above a box, `toldIn[toldInEnds[b - 1] ..]`, and how many go out. */
  toldIn: Int32Array;
  toldInEnds: Int32Array;
  toldOut: Int32Array;
}

export const HEADER_PX = 28;
const SIDE_PX = 16;
const END_PX = 14;
export const CHIP_PX = 17;
/** More names than this are shown as a number. */
export const MOST_CHIPS = 3;

interface Size {
  width: number;
  height: number;
}

interface Placed {
  solution: Solution;
  boxes: number[];
  problem: Problem;
  /** Edge of `Visible`, source and target of each local edge. */
  edge: number[];
  target: number[];
  inPorts: number[];
  outPorts: number[];
  inIndex: Map<number, number>;
  outIndex: Map<number, number>;
  across: number;
  along: number;
}

export function arrange(graph: Graph, tree: Hierarchy, totals: Totals, seen: Visible, direction: Direction, word: string, memo: Memo): Scene {
  const made = new Arrangement(graph, tree, totals, seen, direction, word, memo);
  return made.compose();
}

class Arrangement {
  readonly #placed = new Map<number, Placed>();
  /** Local edges of each open group: from, to (boxes, or ports as ~source), net, edge. */
  readonly #local = new Map<number, { from: number[]; to: number[]; edge: number[]; known: Map<number, number[]> }>();
  readonly #depth: Int32Array;
  readonly #toldIn = new Map<number, number[]>();
  readonly #toldOut = new Map<number, number>();
  readonly #isOpen: Uint8Array;
  /** Of boxes that are not open. */
  readonly #sizes: (Size | undefined)[];
  /** Places of boxes and sources in what is being laid out. */
  readonly #slot: Int32Array;

  constructor(
    readonly graph: Graph,
    readonly tree: Hierarchy,
    readonly totals: Totals,
    readonly seen: Visible,
    readonly direction: Direction,
    readonly word: string,
    readonly memo: Memo,
  ) {
    const { parent, nIds, open, inside } = seen;
    this.#depth = new Int32Array(nIds);
    this.#isOpen = new Uint8Array(nIds);
    this.#sizes = new Array<Size | undefined>(nIds);
    this.#slot = new Int32Array(nIds);
    for (const group of open) {
      this.#isOpen[group] = 1;
      for (const box of inside.get(group)!) this.#depth[box] = this.#depth[parent[box]!]! + 1;
    }
    this.#tell();
    this.#divide();
    if (this.#cutLoops()) {
      this.#toldIn.clear();
      this.#toldOut.clear();
      this.#tell();
      this.#divide();
    }
    for (let at = open.length - 1; at >= 0; at--) this.#placed.set(open[at]!, this.#place(open[at]!));
  }

  #tell(): void {
    const { from, to, isTold } = this.seen;
    for (let e = 0; e < from.length; e++) {
      if (!isTold[e]) continue;
      this.#toldOut.set(from[e]!, (this.#toldOut.get(from[e]!) ?? 0) + 1);
      const list = this.#toldIn.get(to[e]!);
      if (list) list.push(from[e]!);
      else this.#toldIn.set(to[e]!, [from[e]!]);
    }
  }

  /** Cut every edge at the borders of the groups that it crosses. */
  #divide(): void {
    const { from, to, isTold, parent, open } = this.seen;
    for (const group of open) this.#local.set(group, { from: [], to: [], edge: [], known: new Map() });
    const isFlat = open.length === 1;
    for (let e = 0; e < from.length; e++) {
      if (isTold[e]) continue;
      let [a, b] = [from[e]!, to[e]!];
      if (isFlat) {
        const flat = this.#local.get(open[0]!)!;
        flat.from.push(a);
        flat.to.push(b);
        flat.edge.push(e);
        continue;
      }
      const source = a;
      const add = (group: number, first: number, last: number) => {
        const local = this.#local.get(group)!;
        const key = (first + 1) * (this.seen.nIds + 1) + last + 1;
        const sources = local.known.get(key);
        if (sources?.includes(source)) return;
        if (sources) sources.push(source);
        else local.known.set(key, [source]);
        local.from.push(first);
        local.to.push(last);
        local.edge.push(e);
      };
      const down: [group: number, box: number][] = [];
      while (this.#depth[a]! > this.#depth[b]!) {
        add(parent[a]!, a, -1);
        a = parent[a]!;
      }
      while (this.#depth[b]! > this.#depth[a]!) {
        down.push([parent[b]!, b]);
        b = parent[b]!;
      }
      while (a !== b && parent[a] !== parent[b]) {
        add(parent[a]!, a, -1);
        down.push([parent[b]!, b]);
        a = parent[a]!;
        b = parent[b]!;
      }
      if (a !== b) add(parent[a]!, a, b);
      // Nothing is drawn between a node and its own body inside the border.
      for (const [group, box] of down) if (group !== a || a !== b) add(group, -1, box);
    }
  }

  /**
   * Edges that lead back into an open group are told by labels: what leaves a group at its end and comes in again at its begin
   * is a loop of the groups, although none of the operations. True if there was one.
   */
  #cutLoops(): boolean {
    const { seen, tree } = this;
    const loops = new Map<number, [from: number, to: number][]>();
    for (const group of seen.open) {
      const { from, to, edge } = this.#local.get(group)!;
      const boxes = seen.inside.get(group)!;
      if (!boxes.some((box) => this.#isOpen[box])) continue;
      const slot = new Map(boxes.map((box, i) => [box, i]));
      const inner = edge.flatMap((_, i) => (from[i] !== -1 && to[i] !== -1 ? [i] : []));
      const { isBack } = rankOf({ nBoxes: boxes.length, nIn: 0, nOut: 0, edgeFrom: Int32Array.from(inner, (i) => slot.get(from[i]!)!), edgeTo: Int32Array.from(inner, (i) => slot.get(to[i]!)!), isAnchor: new Uint8Array(boxes.length) });
      inner.forEach((i, at) => {
        if (!isBack[at] || !(this.#isOpen[from[i]!] || this.#isOpen[to[i]!])) return;
        const source = seen.from[edge[i]!]!;
        const list = loops.get(source);
        if (list) list.push([from[i]!, to[i]!]);
        else loops.set(source, [[from[i]!, to[i]!]]);
      });
    }
    if (!loops.size) return false;
    const isIn = (box: number, group: number) => box === group || (box < tree.nItems && isWithin(tree, box, group));
    for (let e = 0; e < seen.from.length; e++) if (loops.get(seen.from[e]!)?.some(([from, to]) => isIn(seen.from[e]!, from) && isIn(seen.to[e]!, to))) seen.isTold[e] = 1;
    return true;
  }

  #size(box: number): Size {
    const { graph, tree, totals, seen, word } = this;
    if (this.#isOpen[box]) {
      const { across, along } = this.#placed.get(box)!;
      return this.direction === 'down' ? { width: across, height: along } : { width: along, height: across };
    }
    return (this.#sizes[box] ??= box < seen.firstInput ? sizeOfLabel(labelOf(graph, tree, totals, box, word), badgeOf(tree, box), isGroup(tree, box)) : pillSize(graph, seen, box));
  }

  /** Height of the labels above a box, and below it. */
  #chips(box: number): [number, number] {
    return [this.#toldIn.has(box) ? CHIP_PX * Math.min(MOST_CHIPS, new Set(this.#toldIn.get(box)).size) : 0, this.#toldOut.has(box) ? CHIP_PX : 0];
  }

  #place(group: number): Placed {
    const { seen, direction } = this;
    const local = this.#local.get(group)!;
    const boxes = seen.inside.get(group)!;
    const slot = this.#slot;
    boxes.forEach((box, i) => (slot[box] = i));
    const inIndex = new Map<number, number>();
    const outIndex = new Map<number, number>();
    local.edge.forEach((e, i) => {
      const source = seen.from[e]!;
      if (local.from[i] === -1 && !inIndex.has(source)) inIndex.set(source, inIndex.size);
      if (local.to[i] === -1 && !outIndex.has(source)) outIndex.set(source, outIndex.size);
    });
    const [nBoxes, nIn, nOut] = [boxes.length, inIndex.size, outIndex.size];
    const n = nBoxes + nIn + nOut;
    const across = new Float32Array(n).fill(LINE_GAP_PX);
    const along = new Float32Array(n);
    const isAnchor = new Uint8Array(n);
    boxes.forEach((box, i) => {
      const { width, height } = this.#size(box);
      const [above, below] = this.#chips(box);
      const isDown = direction === 'down';
      across[i] = isDown ? Math.max(width, this.#chipWidth(box)) : height + above + below;
      along[i] = isDown ? height + above + below : Math.max(width, this.#chipWidth(box));
      isAnchor[i] = box >= seen.firstInput && box < seen.firstOutput ? 1 : 0;
    });
    const m = local.edge.length;
    const problem: Problem = { nBoxes, nIn, nOut, across, along, isAnchor, edgeFrom: new Int32Array(m), edgeTo: new Int32Array(m), edgeNet: new Int32Array(m), fromAt: new Float32Array(m), toAt: new Float32Array(m), isFixed: new Uint8Array(m) };
    const nets = new Map<number, number>();
    for (let i = 0; i < m; i++) {
      const source = seen.from[local.edge[i]!]!;
      const [a, b] = [local.from[i]!, local.to[i]!];
      problem.edgeFrom[i] = a === -1 ? nBoxes + inIndex.get(source)! : slot[a]!;
      problem.edgeTo[i] = b === -1 ? nBoxes + nIn + outIndex.get(source)! : slot[b]!;
      let net = nets.get(source);
      if (net === undefined) nets.set(source, (net = nets.size));
      problem.edgeNet[i] = net;
      problem.fromAt[i] = a !== -1 && this.#isOpen[a] ? this.#port(a, source, true) : 0;
      problem.toAt[i] = b !== -1 && this.#isOpen[b] ? this.#port(b, source, false) : 0;
      problem.isFixed[i] = b !== -1 && this.#isOpen[b] ? 1 : 0;
    }
    const solution = this.memo.solve(problem);
    // The header is above in both directions: at the begin of what is drawn downwards, beside what is drawn to the right.
    const isDown = direction === 'down';
    const isRoot = group === this.tree.root;
    const header = isRoot ? 0 : HEADER_PX;
    const title = isRoot ? 0 : textWidth(labelOf(this.graph, this.tree, this.totals, group, this.word).title, 12, true) + 84;
    const innerAcross = Math.max(solution.across, isDown ? title - 2 * SIDE_PX : 0);
    return {
      solution,
      boxes,
      problem,
      edge: local.edge,
      target: local.to,
      inPorts: [...inIndex.keys()],
      outPorts: [...outIndex.keys()],
      inIndex,
      outIndex,
      across: innerAcross + (isDown ? 2 * SIDE_PX : header + 2 * END_PX),
      along: Math.max(solution.along + (isDown ? header + (nIn ? 0 : 6) + (nOut ? 2 : END_PX) : (nIn ? 2 : SIDE_PX) + (nOut ? 2 : SIDE_PX)), isDown ? 0 : title),
    };
  }

  /** Where content begins in an open group, from its corner: across, along. */
  #origin(group: number): [number, number] {
    const placed = this.#placed.get(group)!;
    const isRoot = group === this.tree.root;
    const isDown = this.direction === 'down';
    const nIn = placed.inPorts.length;
    if (isDown) return [(placed.across - placed.solution.across) / 2, isRoot ? 0 : HEADER_PX + (nIn ? 0 : 6)];
    return [isRoot ? END_PX : HEADER_PX + END_PX - 8, nIn ? 2 : SIDE_PX];
  }

  /** Place of a port on the border of an open group, from its centre; 0 where the edge ends at the border. */
  #port(group: number, source: number, isOut: boolean): number {
    const placed = this.#placed.get(group)!;
    const index = (isOut ? placed.outIndex : placed.inIndex).get(source);
    if (index === undefined) return 0;
    const vertex = placed.problem.nBoxes + (isOut ? placed.problem.nIn : 0) + index;
    return placed.solution.centre[vertex]! + this.#origin(group)[0] - placed.across / 2;
  }

  #chipWidth(box: number): number {
    const told = this.#toldIn.get(box);
    const own = this.#isOpen[box] || !told ? 0 : 96;
    return own;
  }

  compose(): Scene {
    const { seen, tree, direction } = this;
    const isDown = direction === 'down';
    let nBoxes = 0;
    let nLines = 0;
    let nCorners = 0;
    for (const { boxes, edge, solution } of this.#placed.values()) {
      nBoxes += boxes.length;
      nLines += edge.length;
      nCorners += solution.corners.length;
    }
    const columns = () => new Float32Array(nBoxes);
    const [x, y, w, h] = [columns(), columns(), columns(), columns()];
    const id = new Int32Array(nBoxes);
    const kind = new Uint8Array(nBoxes);
    const depth = new Uint8Array(nBoxes);
    const parent = new Int32Array(nBoxes).fill(-1);
    const corners = new Float32Array(nCorners);
    const cornerEnds = new Int32Array(nLines);
    const ownFrom = new Int32Array(nLines);
    const edge = new Int32Array(nLines);
    const source = new Int32Array(nLines);
    const target = new Int32Array(nLines);
    const hasArrow = new Uint8Array(nLines);
    const isBack = new Uint8Array(nLines);
    const room = new Float32Array(nLines);
    const low = new Float32Array(2 * nLines);
    const high = new Float32Array(2 * nLines);
    const toldIn: number[] = [];
    const toldInEnds = new Int32Array(nBoxes);
    const toldOut = new Int32Array(nBoxes);
    const rootPlaced = this.#placed.get(tree.root)!;
    // Where each open group begins: across, along.
    const begins = new Map<number, [number, number, number]>([[tree.root, [0, 0, -1]]]);
    let [b, l, c] = [0, 0, 0];
    for (const group of seen.open) {
      const placed = this.#placed.get(group)!;
      const { solution, problem } = placed;
      const [across0, along0, own] = begins.get(group)!;
      const [innerAcross, innerAlong] = this.#origin(group);
      const [ox, oy] = [across0 + innerAcross, along0 + innerAlong];
      placed.boxes.forEach((box, i) => {
        const { width, height } = this.#size(box);
        const [above] = this.#chips(box);
        const a = ox + solution.centre[i]! - problem.across[i]! / 2;
        const t = oy + solution.top[i]!;
        const boxAcross = isDown ? width : height;
        const boxAlong = isDown ? height : width;
        // Labels of what is told stand above the box and below it, within its room.
        const boxA = isDown ? a + (problem.across[i]! - boxAcross) / 2 : a + above;
        const boxT = isDown ? t + above : t + (problem.along[i]! - boxAlong) / 2;
        x[b] = isDown ? boxA : boxT;
        y[b] = isDown ? boxT : boxA;
        w[b] = width;
        h[b] = height;
        id[b] = box;
        parent[b] = own;
        depth[b] = Math.min(255, this.#depth[box]!);
        kind[b] = box >= seen.firstOutput ? OUTPUT : box >= seen.firstInput ? INPUT : this.#isOpen[box] ? OPEN : isGroup(tree, box) ? CLOSED : LEAF;
        if (this.#isOpen[box]) begins.set(box, [boxA, boxT, b]);
        const told = this.#toldIn.get(box);
        if (told) for (const one of new Set(told)) toldIn.push(one);
        toldInEnds[b] = toldIn.length;
        toldOut[b] = this.#toldOut.get(box) ?? 0;
        b++;
      });
      const labelled = new Set<number>();
      const lines = new Map<number, number>();
      for (const e of placed.edge) lines.set(seen.from[e]!, (lines.get(seen.from[e]!) ?? 0) + 1);
      placed.edge.forEach((e, i) => {
        const from = i ? solution.cornerEnds[i - 1]! : 0;
        const to = solution.cornerEnds[i]!;
        const first = c;
        const end = placed.target[i]!;
        for (let k = from; k < to; k++) {
          const a = ox + solution.corners[2 * k]!;
          let t = oy + solution.corners[2 * k + 1]!;
          // Through the border of this group.
          if (k === from && problem.edgeFrom[i]! >= problem.nBoxes) t = along0;
          if (k === to - 1 && end === -1) t = along0 + placed.along;
          corners[2 * c] = isDown ? a : t;
          corners[2 * c + 1] = isDown ? t : a;
          c++;
        }
        this.#meet(corners, first, c, problem, i, placed.boxes);
        cornerEnds[l] = c;
        ownFrom[l] = solution.ownFrom[i]!;
        edge[l] = e;
        source[l] = seen.from[e]!;
        target[l] = end === -1 ? group : end;
        hasArrow[l] = end !== -1 && !this.#isOpen[end] ? 1 : 0;
        isBack[l] = solution.isBack[i]!;
        // The shape is not repeated beyond the border of a group.
        room[l] = labelled.has(source[l]!) || problem.edgeFrom[i]! >= problem.nBoxes ? 0 : (lines.get(source[l]!) ?? 0) > 1 ? -solution.room[i]! : solution.room[i]!;
        labelled.add(source[l]!);
        let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
        for (let k = first; k < c; k++) {
          x0 = Math.min(x0, corners[2 * k]!);
          x1 = Math.max(x1, corners[2 * k]!);
          y0 = Math.min(y0, corners[2 * k + 1]!);
          y1 = Math.max(y1, corners[2 * k + 1]!);
        }
        low.set([x0, y0], 2 * l);
        high.set([x1, y1], 2 * l);
        l++;
      });
    }
    const [width, height] = isDown ? [rootPlaced.across, rootPlaced.along] : [rootPlaced.along, rootPlaced.across];
    return { direction, width, height, id, kind, depth, x, y, w, h, parent, corners, cornerEnds, ownFrom, edge, source, target, hasArrow, isBack, room, low, high, toldIn: Int32Array.from(toldIn), toldInEnds, toldOut };
  }

  /** The ends of a line at the boxes themselves, within the room that their labels take. */
  #meet(corners: Float32Array, first: number, end: number, problem: Problem, i: number, boxes: readonly number[]): void {
    const fix = (corner: number, vertex: number, isBegin: boolean) => {
      if (vertex >= problem.nBoxes) return;
      const box = boxes[vertex]!;
      const [above, below] = this.#chips(box);
      if (this.direction === 'down') corners[2 * corner + 1]! += isBegin ? -below : above;
      else {
        const spare = (problem.along[vertex]! - this.#size(box).width) / 2;
        corners[2 * corner]! += isBegin ? -spare : spare;
        corners[2 * corner + 1]! += (above - below) / 2;
        const next = isBegin ? corner + 1 : corner - 1;
        corners[2 * next + 1]! += (above - below) / 2;
      }
    };
    fix(first, problem.edgeFrom[i]!, true);
    fix(end - 1, problem.edgeTo[i]!, false);
  }
}

function pillSize(graph: Graph, seen: Pick<Visible, 'firstInput' | 'firstOutput'>, id: number): Size {
  const { name, shape } = pillText(graph, seen, id);
  return { width: Math.round(Math.min(220, Math.max(56, Math.max(textWidth(name, 12, true), textWidth(shape, 10.5)) + 28))), height: shape ? 38 : 26 };
}

/** Name of an input or output of the graph, and its type. */
export function pillText(graph: Graph, seen: Pick<Visible, 'firstInput' | 'firstOutput'>, id: number): { name: string; shape: string } {
  const value = id >= seen.firstOutput ? graph.outputs[id - seen.firstOutput]! : graph.inputs[id - seen.firstInput]!;
  if (value < 0) return { name: '?', shape: '' };
  const dtype = graph.text(graph.valueDtype[value]!);
  const shape = graph.shape(graph.valueShape[value]!);
  return { name: graph.text(graph.valueName[value]!), shape: [dtype, shape ? shapeText(shape) : ''].filter(Boolean).join(' ') };
}

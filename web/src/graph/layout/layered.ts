/** Lays out the members of one group: layers, order, coordinates, and the corners of every edge. */
import { layersOf, type Layers } from './layers';
import { orderLayers } from './order';
import { placeAcross } from './place';
import { ACROSS_GAP_PX, ALONG_GAP_PX, MOST_ALONG_GAP_PX, type Problem, type Solution } from './problem';
import { rankOf } from './rank';

/** Space between the ends of edges that come into one box. */
const END_GAP_PX = 11;

export function layOut(problem: Problem): Solution {
  return problem.edgeFrom.length ? layered(problem) : grid(problem);
}

/** Boxes without a connection, in rows as a text is set, about as wide as high. */
function grid(problem: Problem): Solution {
  const { nBoxes, across, along } = problem;
  let area = 0;
  let widest = 0;
  for (let v = 0; v < nBoxes; v++) {
    area += (across[v]! + ACROSS_GAP_PX) * (along[v]! + ACROSS_GAP_PX);
    widest = Math.max(widest, across[v]!);
  }
  const limit = Math.max(widest, Math.sqrt(area) * 1.3);
  const centre = new Float32Array(nBoxes);
  const top = new Float32Array(nBoxes);
  let [x, y, high, right] = [0, 0, 0, 0];
  for (let v = 0; v < nBoxes; v++) {
    if (x > 0 && x + across[v]! > limit) [x, y, high] = [0, y + high + ACROSS_GAP_PX, 0];
    centre[v] = x + across[v]! / 2;
    top[v] = y;
    x += across[v]! + ACROSS_GAP_PX;
    high = Math.max(high, along[v]!);
    right = Math.max(right, x - ACROSS_GAP_PX);
  }
  const none = new Float32Array(0);
  return { across: right, along: y + high, centre, top, corners: none, cornerEnds: new Int32Array(0), ownFrom: new Int32Array(0), isBack: new Uint8Array(0), room: none };
}

function layered(problem: Problem): Solution {
  const { nBoxes, nIn, nOut, along } = problem;
  const ranks = rankOf(problem);
  const graph = layersOf(problem, ranks);
  orderLayers(graph);
  const x = placeAcross(graph);
  const ends = spreadEnds(problem, graph, ranks.isBack, x);

  // Layers from top to bottom; the more an edge must turn between two, the more room there is for it.
  const { nLayers, begins, order, rank } = graph;
  const turn = new Float32Array(nLayers);
  for (let s = 0; s < graph.segUpper.length; s++) {
    const above = graph.segUpper[s]!;
    const below = graph.segLower[s]!;
    turn[rank[above]!] = Math.max(turn[rank[above]!]!, Math.abs(x[above]! + graph.upperAt[s]! - x[below]! - graph.lowerAt[s]!));
  }
  const layerTop = new Float32Array(nLayers);
  const layerBottom = new Float32Array(nLayers);
  let y = 0;
  for (let at = 0; at < nLayers; at++) {
    let high = 0;
    for (let i = begins[at]!; i < begins[at + 1]!; i++) if (order[i]! < nBoxes) high = Math.max(high, along[order[i]!]!);
    layerTop[at] = y;
    layerBottom[at] = y + high;
    const isPortLayer = (nIn && at === 0) || (nOut && at === nLayers - 2);
    y += high + (isPortLayer ? 0.55 : 1) * Math.min(MOST_ALONG_GAP_PX, ALONG_GAP_PX + turn[at]! * 0.07);
  }
  const n = nBoxes + nIn + nOut;
  const centre = x.slice(0, n);
  const top = new Float32Array(n);
  let across = 0;
  for (let v = 0; v < n; v++) {
    const layer = rank[v]!;
    top[v] = layerTop[layer]! + (v < nBoxes ? (layerBottom[layer]! - layerTop[layer]! - along[v]!) / 2 : 0);
  }
  for (let v = 0; v < graph.n; v++) across = Math.max(across, x[v]! + graph.across[v]! / 2);

  const routes = route(problem, graph, ranks.isBack, x, ends, { top, layerTop, layerBottom });
  return { across, along: layerBottom.at(-1)!, centre, top, ...routes, isBack: ranks.isBack };
}

/** Where each edge meets the box below it, from the centre: side by side, as upright as can be. */
function spreadEnds(problem: Problem, graph: Layers, isBack: Uint8Array, x: Float32Array): Float32Array {
  const { nBoxes, edgeFrom, edgeTo, fromAt, toAt, isFixed, across } = problem;
  const m = edgeFrom.length;
  const ends = new Float32Array(m);
  const into: number[][] = [];
  const only = new Int32Array(nBoxes).fill(-1);
  for (let e = 0; e < m; e++) {
    ends[e] = isBack[e] ? fromAt[e]! : toAt[e]!;
    const below = isBack[e] ? edgeFrom[e]! : edgeTo[e]!;
    if (below >= nBoxes || isFixed[e]) continue;
    if (only[below]! < 0) only[below] = e;
    else (into[below] ??= [only[below]!]).push(e);
  }
  const wishOf = (e: number, box: number, most: number) => {
    const bends = graph.nBends[e]!;
    const above = bends ? graph.chain[e]! + bends - 1 : isBack[e] ? edgeTo[e]! : edgeFrom[e]!;
    const at = bends ? 0 : isBack[e] ? toAt[e]! : fromAt[e]!;
    return Math.max(-most, Math.min(most, x[above]! + at - x[box]!));
  };
  for (let box = 0; box < nBoxes; box++) {
    const edges = into[box];
    if (!edges) continue;
    const most = Math.max(0, across[box]! / 2 - 10);
    const gap = Math.min(END_GAP_PX, (2 * most) / (edges.length - 1));
    const wish = edges.map((e) => wishOf(e, box, most));
    const order = edges.map((_, i) => i).sort((a, b) => wish[a]! - wish[b]! || a - b);
    const placed = apart(order.map((i) => wish[i]!), gap);
    const over = Math.max(0, placed.at(-1)! - most) || Math.min(0, placed[0]! + most);
    order.forEach((i, at) => (ends[edges[i]!] = placed[at]! - over));
  }
  return ends;
}

/** Ascending wishes moved as little as possible (least squares) until neighbours are `gap` apart: pool adjacent violators. */
export function apart(wish: readonly number[], gap: number): number[] {
  // Blocks of neighbours that stand as close as they may: where each ends, and the mean wish of its first.
  const ends: number[] = [];
  const means: number[] = [];
  const sizes: number[] = [];
  wish.forEach((value, i) => {
    let mean = value - i * gap;
    let size = 1;
    while (means.length && means.at(-1)! >= mean) {
      const before = sizes.pop()!;
      mean = (mean * size + means.pop()! * before) / (size + before);
      size += before;
      ends.pop();
    }
    means.push(mean);
    sizes.push(size);
    ends.push(i + 1);
  });
  let block = 0;
  return wish.map((_, i) => means[i < ends[block]! ? block : ++block]! + i * gap);
}

interface Heights {
  top: Float32Array;
  layerTop: Float32Array;
  layerBottom: Float32Array;
}

type Routes = Pick<Solution, 'corners' | 'cornerEnds' | 'ownFrom' | 'room'>;

function route(problem: Problem, graph: Layers, isBack: Uint8Array, x: Float32Array, ends: Float32Array, { top, layerTop, layerBottom }: Heights): Routes {
  const { nBoxes, along, edgeFrom, edgeTo, fromAt, toAt } = problem;
  const m = edgeFrom.length;
  let nCorners = 0;
  for (let e = 0; e < m; e++) nCorners += 4 + 2 * graph.nBends[e]!;
  const corners = new Float32Array(2 * nCorners);
  const cornerEnds = new Int32Array(m);
  const ownFrom = new Int32Array(m);
  const room = new Float32Array(m);
  let at = 0;
  const put = (px: number, py: number) => {
    corners[at++] = px;
    corners[at++] = py;
  };
  for (let e = 0; e < m; e++) {
    const begin = at;
    const above = isBack[e] ? edgeTo[e]! : edgeFrom[e]!;
    const below = isBack[e] ? edgeFrom[e]! : edgeTo[e]!;
    const startX = x[above]! + (isBack[e] ? toAt[e]! : fromAt[e]!);
    put(startX, top[above]! + (above < nBoxes ? along[above]! : 0));
    put(startX, layerBottom[graph.rank[above]!]!);
    for (let i = 0; i < graph.nBends[e]!; i++) {
      const bend = graph.chain[e]! + i;
      put(x[bend]!, layerTop[graph.rank[bend]!]!);
      put(x[bend]!, layerBottom[graph.rank[bend]!]!);
    }
    const endX = x[below]! + ends[e]!;
    put(endX, layerTop[graph.rank[below]!]!);
    put(endX, top[below]!);
    room[e] = roomBeside(graph, x, above, graph.nBends[e]! ? graph.chain[e]! : below);
    ownFrom[e] = graph.isLongest[e] || !graph.nBends[e] ? 0 : 2 * graph.nBends[e]! + 1;
    if (isBack[e]) reverse(corners, begin, at);
    cornerEnds[e] = at / 2;
  }
  return { corners, cornerEnds, ownFrom, room };
}

/** Free px at the right of the line from one vertex to the next. */
function roomBeside(graph: Layers, x: Float32Array, above: number, below: number): number {
  const beside = (v: number) => {
    const after = graph.begins[graph.rank[v]!]! + graph.position[v]! + 1;
    if (after >= graph.begins[graph.rank[v]! + 1]!) return 160;
    const next = graph.order[after]!;
    return x[next]! - x[v]! - (next < graph.firstLine ? 0 : 4);
  };
  return Math.min(beside(above), beside(below));
}

function reverse(corners: Float32Array, begin: number, end: number): void {
  for (let i = begin, j = end - 2; i < j; i += 2, j -= 2) {
    for (let k = 0; k < 2; k++) [corners[i + k], corners[j + k]] = [corners[j + k]!, corners[i + k]!];
  }
}

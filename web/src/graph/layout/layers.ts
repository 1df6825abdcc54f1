/** Vertices in layers, with one chain of bends for each net however many boxes it feeds, and segments that join neighbouring layers. */
import { LINE_GAP_PX, type Problem } from './problem';
import { rows, type Ranks } from './rank';

export interface Layers {
  n: number;
  /** Vertices from here on are lines: ports, then bends. */
  firstLine: number;
  /** Vertices from here on are bends: points where a line crosses a layer. */
  firstBend: number;
  rank: Int32Array;
  /** Width of a vertex across. */
  across: Float32Array;
  nLayers: number;
  /** Vertices of the widest layer. */
  widest: number;
  /** Vertices of layer i from left to right are `order[begins[i] .. begins[i + 1]]`: changed by ordering. */
  begins: Int32Array;
  order: Int32Array;
  /** Of a vertex in its layer. */
  position: Int32Array;
  segUpper: Int32Array;
  segLower: Int32Array;
  upperAt: Float32Array;
  lowerAt: Float32Array;
  /** Segments by the vertex below them, and above. */
  ups: { begins: Int32Array; edges: Int32Array };
  downs: { begins: Int32Array; edges: Int32Array };
  /** Of each edge: its first bend in the chain, how many it passes, and where its net's chain begins. */
  chain: Int32Array;
  nBends: Int32Array;
  /** The longest edge of each net draws the whole chain. */
  isLongest: Uint8Array;
}

export function layersOf(problem: Problem, { rank: boxRank, nRanks, isBack }: Ranks): Layers {
  const { nBoxes, nIn, nOut, edgeFrom, edgeTo, edgeNet, fromAt, toAt } = problem;
  const firstBend = nBoxes + nIn + nOut;
  const m = edgeFrom.length;
  const upper = (e: number) => (isBack[e] ? edgeTo[e]! : edgeFrom[e]!);
  const lower = (e: number) => (isBack[e] ? edgeFrom[e]! : edgeTo[e]!);

  // The longest edge of each net; an edge that points back is a net of its own.
  const longest = new Map<number, number>();
  const isLongest = new Uint8Array(m);
  for (let e = 0; e < m; e++) {
    if (isBack[e]) {
      isLongest[e] = 1;
      continue;
    }
    const known = longest.get(edgeNet[e]!);
    if (known === undefined || boxRank[lower(e)]! > boxRank[lower(known)]!) longest.set(edgeNet[e]!, e);
  }
  for (const e of longest.values()) isLongest[e] = 1;

  const chain = new Int32Array(m);
  const nBends = new Int32Array(m);
  let n = firstBend;
  let nSegments = 0;
  for (let e = 0; e < m; e++) {
    nBends[e] = boxRank[lower(e)]! - boxRank[upper(e)]! - 1;
    nSegments += isLongest[e] ? nBends[e]! + 1 : 1;
    if (!isLongest[e]) continue;
    chain[e] = n;
    n += nBends[e]!;
  }
  for (let e = 0; e < m; e++) if (!isLongest[e]) chain[e] = chain[longest.get(edgeNet[e]!)!]!;

  const rank = new Int32Array(n);
  rank.set(boxRank);
  const across = new Float32Array(n).fill(LINE_GAP_PX);
  across.set(problem.across);
  const segUpper = new Int32Array(nSegments);
  const segLower = new Int32Array(nSegments);
  const upperAt = new Float32Array(nSegments);
  const lowerAt = new Float32Array(nSegments);
  let s = 0;
  const add = (above: number, aboveAt: number, below: number, belowAt: number) => {
    segUpper[s] = above;
    segLower[s] = below;
    upperAt[s] = aboveAt;
    lowerAt[s++] = belowAt;
  };
  for (let e = 0; e < m; e++) {
    const bends = nBends[e]!;
    const begin = isBack[e] ? toAt[e]! : fromAt[e]!;
    const end = isBack[e] ? fromAt[e]! : toAt[e]!;
    if (isLongest[e])
      for (let i = 0; i < bends; i++) {
        rank[chain[e]! + i] = boxRank[upper(e)]! + 1 + i;
        add(i ? chain[e]! + i - 1 : upper(e), i ? 0 : begin, chain[e]! + i, 0);
      }
    add(bends ? chain[e]! + bends - 1 : upper(e), bends ? 0 : begin, lower(e), end);
  }

  const begins = new Int32Array(nRanks + 1);
  for (let v = 0; v < n; v++) begins[rank[v]! + 1]!++;
  let widest = 0;
  for (let layer = 0; layer < nRanks; layer++) {
    widest = Math.max(widest, begins[layer + 1]!);
    begins[layer + 1]! += begins[layer]!;
  }
  return { n, firstLine: nBoxes, firstBend, rank, across, nLayers: nRanks, widest, begins, order: new Int32Array(n), position: new Int32Array(n), segUpper, segLower, upperAt, lowerAt, ups: rows(segLower, n), downs: rows(segUpper, n), chain, nBends, isLongest };
}

/** The layer of each vertex: as far down as the longest way to it. */
import { Heap } from '../links';
import type { Problem } from './problem';

export interface Ranks {
  rank: Int32Array;
  nRanks: number;
  /** 1 for edges that close a loop; they count as if they pointed the other way. */
  isBack: Uint8Array;
}

export function rankOf(problem: Pick<Problem, 'nBoxes' | 'nIn' | 'nOut' | 'edgeFrom' | 'edgeTo' | 'isAnchor'>): Ranks {
  const { nBoxes, nIn, nOut, edgeFrom, edgeTo, isAnchor } = problem;
  const n = nBoxes + nIn + nOut;
  const m = edgeFrom.length;
  const isBack = new Uint8Array(m);
  const outs = rows(edgeFrom, n);
  const waits = new Int32Array(n);
  for (let e = 0; e < m; e++) waits[edgeTo[e]!]!++;
  const sequence = new Int32Array(n);
  const isDone = new Uint8Array(n);
  const ready = new Heap();
  for (let v = 0; v < n; v++) if (!waits[v]) ready.push(v);
  let stuck = 0;
  for (let at = 0; at < n; ) {
    let v = ready.pop();
    if (v < 0) {
      while (isDone[stuck]) stuck++;
      v = stuck;
    }
    if (isDone[v]) continue;
    isDone[v] = 1;
    sequence[at++] = v;
    for (let i = outs.begins[v]!; i < outs.begins[v + 1]!; i++) {
      const e = outs.edges[i]!;
      const to = edgeTo[e]!;
      if (isDone[to]) isBack[e] = 1;
      else if (--waits[to]! === 0) ready.push(to);
    }
  }

  const ins = rows(edgeTo, n);
  const before = (v: number, tell: (u: number) => void) => {
    for (let i = ins.begins[v]!; i < ins.begins[v + 1]!; i++) if (!isBack[ins.edges[i]!]) tell(edgeFrom[ins.edges[i]!]!);
    for (let i = outs.begins[v]!; i < outs.begins[v + 1]!; i++) if (isBack[outs.edges[i]!]) tell(edgeTo[outs.edges[i]!]!);
  };
  const after = (v: number, tell: (w: number) => void) => {
    for (let i = outs.begins[v]!; i < outs.begins[v + 1]!; i++) if (!isBack[outs.edges[i]!]) tell(edgeTo[outs.edges[i]!]!);
    for (let i = ins.begins[v]!; i < ins.begins[v + 1]!; i++) if (isBack[ins.edges[i]!]) tell(edgeFrom[ins.edges[i]!]!);
  };
  const rank = new Int32Array(n);
  const isPort = (v: number) => v >= nBoxes;
  const isIn = (v: number) => isPort(v) && v < nBoxes + nIn;
  const hasAnchor = nIn > 0 || isAnchor.includes(1);
  // What depends on no anchor may float down.
  const isFree = new Uint8Array(n);
  for (const v of sequence) {
    rank[v] = isIn(v) || !nIn ? 0 : 1;
    let isAnchored = isIn(v) || (isAnchor[v] ?? 0) === 1 || (!hasAnchor && v === sequence[0]);
    before(v, (u) => {
      rank[v] = Math.max(rank[v]!, rank[u]! + 1);
      isAnchored ||= !isFree[u];
    });
    isFree[v] = isAnchored ? 0 : 1;
  }
  for (let at = n - 1; at >= 0; at--) {
    const v = sequence[at]!;
    if (isPort(v)) continue;
    let hasBefore = false;
    if (!isFree[v]) before(v, () => (hasBefore = true));
    if (!isFree[v] && hasBefore) continue;
    let least = Infinity;
    after(v, (w) => (least = Math.min(least, rank[w]!)));
    if (least < Infinity) rank[v] = Math.max(rank[v]!, least - 1);
  }
  let last = -1;
  for (let v = 0; v < nBoxes + nIn; v++) last = Math.max(last, rank[v]!);
  for (let v = nBoxes + nIn; v < n; v++) rank[v] = last + 1;
  return { rank, nRanks: last + (nOut ? 2 : 1), isBack };
}

/** Edges by the vertex that `of` names. */
export function rows(of: Int32Array, n: number): { begins: Int32Array; edges: Int32Array } {
  const begins = new Int32Array(n + 1);
  for (const v of of) begins[v + 1]!++;
  for (let v = 0; v < n; v++) begins[v + 1]! += begins[v]!;
  const next = begins.slice();
  const edges = new Int32Array(of.length);
  for (let e = 0; e < of.length; e++) edges[next[of[e]!]!++] = e;
  return { begins, edges };
}

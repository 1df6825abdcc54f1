/**
 * Positions of vertices across: Brandes and Koepf, "Fast and Simple Horizontal Coordinate Assignment" (2001).
 *
 * Four alignments (to the neighbours above or below, leaning left or right) are computed and the middle of them is taken. Unlike in
 * the paper, blocks are put together by longest paths as in dagre, which has none of the errors that Brandes, Walter and Zink
 * corrected in 2020. Centres are aligned and not ports: a chain of a hundred groups stands upright, although each lets its line in at
 * another place than out.
 */
import type { Layers } from './layers';
import { ACROSS_GAP_PX, LINE_GAP_PX } from './problem';

/** Centre of each vertex; the leftmost edge of all is at 0. */
export function placeAcross(graph: Layers): Float32Array {
  const conflicts = crossedBends(graph);
  const found: Float64Array[] = [];
  for (const isDown of [true, false]) for (const isLeft of [true, false]) found.push(aligned(graph, conflicts, isDown, isLeft));
  return balanced(graph, found);
}

/** Segments that cross one between bends: those go straight, whatever else must give way. */
function crossedBends(graph: Layers): Uint8Array {
  const { nLayers, begins, order, ups, segUpper, segLower, position, firstBend } = graph;
  const isCrossed = new Uint8Array(segUpper.length);
  const innerAbove = (v: number): number => {
    if (v < firstBend) return -1;
    for (let i = ups.begins[v]!; i < ups.begins[v + 1]!; i++) if (segUpper[ups.edges[i]!]! >= firstBend) return ups.edges[i]!;
    return -1;
  };
  for (let rank = 1; rank < nLayers; rank++) {
    const first = begins[rank]!;
    const end = begins[rank + 1]!;
    let low = 0;
    let from = first;
    for (let i = first; i < end; i++) {
      const inner = innerAbove(order[i]!);
      if (inner < 0 && i < end - 1) continue;
      const high = inner >= 0 ? position[segUpper[inner]!]! : first - begins[rank - 1]!;
      for (; from <= i; from++) {
        const v = order[from]!;
        for (let k = ups.begins[v]!; k < ups.begins[v + 1]!; k++) {
          const s = ups.edges[k]!;
          const at = position[segUpper[s]!]!;
          const isInner = segUpper[s]! >= firstBend && segLower[s]! >= firstBend;
          if (!isInner && (at < low || at > high)) isCrossed[s] = 1;
        }
      }
      low = high;
    }
  }
  return isCrossed;
}

function aligned(graph: Layers, isCrossed: Uint8Array, isDown: boolean, isLeft: boolean): Float64Array {
  const { n, nLayers, begins, order, ups, downs, segUpper, segLower, upperAt, lowerAt, position } = graph;
  const rows = isDown ? ups : downs;
  const root = new Int32Array(n);
  const next = new Int32Array(n);
  for (let v = 0; v < n; v++) root[v] = next[v] = v;
  const far = isDown ? segUpper : segLower;
  for (let step = 1; step < nLayers; step++) {
    const layer = isDown ? step : nLayers - 1 - step;
    const first = begins[layer]!;
    const size = begins[layer + 1]! - first;
    let last = isLeft ? -1 : n;
    for (let i = 0; i < size; i++) {
      const v = order[first + (isLeft ? i : size - 1 - i)]!;
      const from = rows.begins[v]!;
      const to = rows.begins[v + 1]!;
      // The segments in the middle, of an even number both.
      for (let turn = 0; turn < Math.min(2, to - from) && next[v] === v; turn++) {
        const s = to - from === 1 ? rows.edges[from]! : middle(from, to, (turn === 0) === isLeft);
        const u = far[s]!;
        if (isCrossed[s] || (isLeft ? position[u]! <= last : position[u]! >= last)) continue;
        next[u] = v;
        root[v] = root[u]!;
        next[v] = root[v]!;
        last = position[u]!;
      }
    }
  }
  return compacted(graph, root, isLeft);

  function middle(from: number, to: number, isLow: boolean): number {
    const a = rows.edges[from]!;
    const b = rows.edges[from + 1]!;
    if (to - from === 2) return place(a) > place(b) === isLow ? b : a;
    const sorted = rows.edges.slice(from, to).sort((s, t) => place(s) - place(t));
    return sorted[isLow ? (sorted.length - 1) >> 1 : sorted.length >> 1]!;
  }

  function place(s: number): number {
    return isDown ? position[segUpper[s]!]! * 1e4 + upperAt[s]! : position[segLower[s]!]! * 1e4 + lowerAt[s]!;
  }
}

function separation(graph: Layers, left: number, right: number): number {
  const nLines = Number(left >= graph.firstLine) + Number(right >= graph.firstLine);
  const gap = nLines === 2 ? 0 : nLines ? LINE_GAP_PX / 2 : ACROSS_GAP_PX;
  return (graph.across[left]! + graph.across[right]!) / 2 + gap;
}

/** Blocks as far to the left (or right) as those beside them allow. */
function compacted(graph: Layers, root: Int32Array, isLeft: boolean): Float64Array {
  const { n, nLayers } = graph;
  let m = 0;
  for (let layer = 0; layer < nLayers; layer++) m += Math.max(0, graph.begins[layer + 1]! - graph.begins[layer]! - 1);
  const from = new Int32Array(m);
  const to = new Int32Array(m);
  const least = new Float64Array(m);
  const begins = new Int32Array(n + 1);
  const waits = new Int32Array(n);
  let e = 0;
  for (let layer = 0; layer < nLayers; layer++)
    for (let i = graph.begins[layer]! + 1; i < graph.begins[layer + 1]!; i++) {
      const left = graph.order[i - 1]!;
      const right = graph.order[i]!;
      from[e] = root[left]!;
      to[e] = root[right]!;
      least[e++] = separation(graph, left, right);
    }
  for (let k = 0; k < m; k++) {
    begins[from[k]! + 1]!++;
    waits[to[k]!]!++;
  }
  for (let v = 0; v < n; v++) begins[v + 1]! += begins[v]!;
  const slots = begins.slice();
  const edges = new Int32Array(m);
  for (let k = 0; k < m; k++) edges[slots[from[k]!]!++] = k;
  const order = new Int32Array(n);
  let nBlocks = 0;
  for (let v = 0; v < n; v++) if (root[v] === v && !waits[v]) order[nBlocks++] = v;
  for (let at = 0; at < nBlocks; at++) for (let i = begins[order[at]!]!; i < begins[order[at]! + 1]!; i++) if (--waits[to[edges[i]!]!]! === 0) order[nBlocks++] = to[edges[i]!]!;
  const x = new Float64Array(n);
  // Each as far as what is on one side allows, then back as near as it can to what is on the other: blocks do not stick to nothing.
  const rightwards = (isFirst: boolean) => {
    const limit = new Float64Array(n).fill(-Infinity);
    for (let at = 0; at < nBlocks; at++) {
      const v = order[at]!;
      if (limit[v]! > -Infinity) x[v] = limit[v]!;
      else if (isFirst) x[v] = 0;
      for (let i = begins[v]!; i < begins[v + 1]!; i++) limit[to[edges[i]!]!] = Math.max(limit[to[edges[i]!]!]!, x[v]! + least[edges[i]!]!);
    }
  };
  const leftwards = (isFirst: boolean) => {
    for (let at = nBlocks - 1; at >= 0; at--) {
      const v = order[at]!;
      let most = Infinity;
      for (let i = begins[v]!; i < begins[v + 1]!; i++) most = Math.min(most, x[to[edges[i]!]!]! - least[edges[i]!]!);
      if (most < Infinity) x[v] = most;
      else if (isFirst) x[v] = 0;
    }
  };
  if (isLeft) {
    rightwards(true);
    leftwards(false);
  } else {
    leftwards(true);
    rightwards(false);
  }
  for (let v = 0; v < n; v++) if (root[v] !== v) x[v] = x[root[v]!]!;
  return x;
}

/** The middle of the four, each moved to the side that the narrowest has. */
function balanced(graph: Layers, found: Float64Array[]): Float32Array {
  const { n, across } = graph;
  const extents = found.map((x) => {
    let low = Infinity;
    let high = -Infinity;
    for (let v = 0; v < n; v++) {
      low = Math.min(low, x[v]! - across[v]! / 2);
      high = Math.max(high, x[v]! + across[v]! / 2);
    }
    return [low, high] as const;
  });
  const widths = extents.map(([low, high]) => high - low);
  const narrowest = extents[widths.indexOf(Math.min(...widths))]!;
  const moves = extents.map(([low, high], i) => (i % 2 === 0 ? narrowest[0] - low : narrowest[1] - high));
  const placed = new Float32Array(n);
  let least = Infinity;
  for (let v = 0; v < n; v++) {
    const a = found[0]![v]! + moves[0]!;
    const b = found[1]![v]! + moves[1]!;
    const c = found[2]![v]! + moves[2]!;
    const d = found[3]![v]! + moves[3]!;
    placed[v] = (a + b + c + d - Math.min(a, b, c, d) - Math.max(a, b, c, d)) / 2;
    least = Math.min(least, placed[v]! - across[v]! / 2);
  }
  for (let v = 0; v < n; v++) placed[v]! -= least;
  return placed;
}

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
  const { layers, ups, segUpper, segLower, position, firstBend } = graph;
  const isCrossed = new Uint8Array(segUpper.length);
  const innerAbove = (v: number): number => {
    if (v < firstBend) return -1;
    for (let i = ups.begins[v]!; i < ups.begins[v + 1]!; i++) if (segUpper[ups.edges[i]!]! >= firstBend) return ups.edges[i]!;
    return -1;
  };
  for (let rank = 1; rank < layers.length; rank++) {
    const layer = layers[rank]!;
    let low = 0;
    let from = 0;
    for (let i = 0; i < layer.length; i++) {
      const inner = innerAbove(layer[i]!);
      if (inner < 0 && i < layer.length - 1) continue;
      const high = inner >= 0 ? position[segUpper[inner]!]! : layers[rank - 1]!.length;
      for (; from <= i; from++) {
        const v = layer[from]!;
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
  const { n, layers, ups, downs, segUpper, segLower, upperAt, lowerAt, position } = graph;
  const rows = isDown ? ups : downs;
  const root = new Int32Array(n);
  const next = new Int32Array(n);
  for (let v = 0; v < n; v++) root[v] = next[v] = v;
  const nLayers = layers.length;
  for (let step = 1; step < nLayers; step++) {
    const layer = layers[isDown ? step : nLayers - 1 - step]!;
    let last = isLeft ? -1 : Infinity;
    for (let i = 0; i < layer.length; i++) {
      const v = layer[isLeft ? i : layer.length - 1 - i]!;
      const [from, to] = [rows.begins[v]!, rows.begins[v + 1]!];
      if (from === to) continue;
      const order = to - from === 1 ? [rows.edges[from]!] : Array.from(rows.edges.subarray(from, to)).sort((a, b) => far(a) - far(b));
      const middle = (order.length - 1) / 2;
      const medians = order.length % 2 ? [middle] : isLeft ? [Math.floor(middle), Math.ceil(middle)] : [Math.ceil(middle), Math.floor(middle)];
      for (const m of medians) {
        if (next[v] !== v) break;
        const s = order[m]!;
        const u = isDown ? segUpper[s]! : segLower[s]!;
        if (isCrossed[s] || (isLeft ? position[u]! <= last : position[u]! >= last)) continue;
        next[u] = v;
        root[v] = root[u]!;
        next[v] = root[v]!;
        last = position[u]!;
      }
    }
  }
  return compacted(graph, root, isLeft);

  function far(s: number): number {
    return isDown ? position[segUpper[s]!]! * 1e4 + upperAt[s]! : position[segLower[s]!]! * 1e4 + lowerAt[s]!;
  }
}

function separation(graph: Layers, left: number, right: number): number {
  const isLine = left >= graph.firstLine || right >= graph.firstLine;
  const isBoth = left >= graph.firstLine && right >= graph.firstLine;
  const gap = isBoth ? 0 : isLine ? LINE_GAP_PX / 2 : ACROSS_GAP_PX;
  return (graph.across[left]! + graph.across[right]!) / 2 + gap;
}

/** Blocks as far to the left (or right) as those beside them allow. */
function compacted(graph: Layers, root: Int32Array, isLeft: boolean): Float64Array {
  const { n, layers } = graph;
  let m = 0;
  for (const layer of layers) m += Math.max(0, layer.length - 1);
  const from = new Int32Array(m);
  const to = new Int32Array(m);
  const least = new Float64Array(m);
  const begins = new Int32Array(n + 1);
  const waits = new Int32Array(n);
  let e = 0;
  for (const layer of layers)
    for (let i = 1; i < layer.length; i++) {
      const [left, right] = [layer[i - 1]!, layer[i]!];
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
  const order: number[] = [];
  for (let v = 0; v < n; v++) if (root[v] === v && !waits[v]) order.push(v);
  for (let at = 0; at < order.length; at++) for (let i = begins[order[at]!]!; i < begins[order[at]! + 1]!; i++) if (--waits[to[edges[i]!]!]! === 0) order.push(to[edges[i]!]!);
  const x = new Float64Array(n);
  // Each as far as what is on one side allows, then back as near as it can to what is on the other: blocks do not stick to nothing.
  const rightwards = (isFirst: boolean) => {
    const limit = new Float64Array(n).fill(-Infinity);
    for (const v of order) {
      if (limit[v]! > -Infinity) x[v] = limit[v]!;
      else if (isFirst) x[v] = 0;
      for (let i = begins[v]!; i < begins[v + 1]!; i++) limit[to[edges[i]!]!] = Math.max(limit[to[edges[i]!]!]!, x[v]! + least[edges[i]!]!);
    }
  };
  const leftwards = (isFirst: boolean) => {
    for (let at = order.length - 1; at >= 0; at--) {
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
    let [low, high] = [Infinity, -Infinity];
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
    const [a, b, c, d] = [found[0]![v]! + moves[0]!, found[1]![v]! + moves[1]!, found[2]![v]! + moves[2]!, found[3]![v]! + moves[3]!];
    placed[v] = (a + b + c + d - Math.min(a, b, c, d) - Math.max(a, b, c, d)) / 2;
    least = Math.min(least, placed[v]! - across[v]! / 2);
  }
  for (let v = 0; v < n; v++) placed[v]! -= least;
  return placed;
}

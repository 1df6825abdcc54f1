/** The order of each layer, so that few lines cross: barycentres, swept down and up (Sugiyama, Tagawa, Toda 1981). */
import type { Layers } from './layers';

const MOST_SWEEPS = 12;
/** Sweeps without a better order, after which nothing better is expected. */
const PATIENCE = 4;

export function orderLayers(graph: Layers): void {
  begin(graph);
  if (graph.layers.every((layer) => layer.length < 2)) return;
  let best = crossings(graph);
  let kept = graph.layers.map((layer) => layer.slice());
  let without = 0;
  for (let sweep = 0; sweep < MOST_SWEEPS && best > 0 && without < PATIENCE; sweep++) {
    const isDown = sweep % 2 === 0;
    const n = graph.layers.length;
    for (let i = 1; i < n; i++) sortLayer(graph, isDown ? i : n - 1 - i, isDown);
    const now = crossings(graph);
    if (now < best) {
      best = now;
      without = 0;
      kept = graph.layers.map((layer) => layer.slice());
    } else without++;
  }
  kept.forEach((layer, rank) => graph.layers[rank]!.set(layer));
  number(graph);
}

function number(graph: Layers): void {
  for (const layer of graph.layers) for (let i = 0; i < layer.length; i++) graph.position[layer[i]!] = i;
}

/** Depth first from the top, so that what belongs together stands together. */
function begin(graph: Layers): void {
  const { n, rank, layers, segLower, downs } = graph;
  const filled = new Int32Array(layers.length);
  const isPlaced = new Uint8Array(n);
  const byRank = Array.from({ length: n }, (_, v) => v).sort((a, b) => rank[a]! - rank[b]! || a - b);
  const stack: number[] = [];
  for (const start of byRank) {
    stack.push(start);
    while (stack.length) {
      const v = stack.pop()!;
      if (isPlaced[v]) continue;
      isPlaced[v] = 1;
      layers[rank[v]!]![filled[rank[v]!]!++] = v;
      for (let i = downs.begins[v + 1]! - 1; i >= downs.begins[v]!; i--) stack.push(segLower[downs.edges[i]!]!);
    }
  }
  number(graph);
}

/** Where a segment meets a vertex, as a position in its layer. */
function key(graph: Layers, v: number, at: number): number {
  return graph.position[v]! + (at / (graph.across[v]! + 1)) * 0.9;
}

function sortLayer(graph: Layers, at: number, isDown: boolean): void {
  const layer = graph.layers[at]!;
  if (layer.length < 2) return;
  const { ups, downs, segUpper, segLower, upperAt, lowerAt } = graph;
  const fixed = graph.layers[isDown ? at - 1 : at + 1]!;
  const rows = isDown ? ups : downs;
  const values = new Float64Array(layer.length);
  for (let i = 0; i < layer.length; i++) {
    const v = layer[i]!;
    const [from, to] = [rows.begins[v]!, rows.begins[v + 1]!];
    let sum = 0;
    for (let k = from; k < to; k++) {
      const s = rows.edges[k]!;
      // Relative to where the segment leaves this vertex, so that it would be upright.
      sum += isDown ? key(graph, segUpper[s]!, upperAt[s]!) : key(graph, segLower[s]!, lowerAt[s]!);
    }
    values[i] = to > from ? sum / (to - from) : (graph.position[v]! * fixed.length) / layer.length;
  }
  const indices = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]! || a - b);
  const sorted = indices.map((i) => layer[i]!);
  layer.set(sorted);
  for (let i = 0; i < layer.length; i++) graph.position[layer[i]!] = i;
}

function crossings(graph: Layers): number {
  const { layers, downs, segLower, upperAt, lowerAt } = graph;
  let total = 0;
  for (let rank = 0; rank + 1 < layers.length; rank++) {
    const keys: number[] = [];
    if (layers[rank]!.length === 1 && layers[rank + 1]!.length === 1) continue;
    for (const v of layers[rank]!) {
      const [from, to] = [downs.begins[v]!, downs.begins[v + 1]!];
      if (to === from) continue;
      const own: [at: number, below: number][] = [];
      for (let k = from; k < to; k++) {
        const s = downs.edges[k]!;
        own.push([upperAt[s]!, key(graph, segLower[s]!, lowerAt[s]!)]);
      }
      if (own.length > 1) own.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      for (const [, below] of own) keys.push(below);
    }
    total += inversions(keys);
  }
  return total;
}

/** Pairs in the wrong order, by merging; equal ones are in order. */
export function inversions(keys: number[]): number {
  if (keys.length < 2) return 0;
  let source = Float64Array.from(keys);
  let target = new Float64Array(keys.length);
  let count = 0;
  for (let width = 1; width < keys.length; width *= 2) {
    for (let left = 0; left < keys.length; left += 2 * width) {
      const middle = Math.min(left + width, keys.length);
      const right = Math.min(left + 2 * width, keys.length);
      for (let i = left, j = middle, k = left; k < right; k++) {
        if (i < middle && (j >= right || source[i]! <= source[j]!)) target[k] = source[i++]!;
        else {
          count += middle - i;
          target[k] = source[j++]!;
        }
      }
    }
    [source, target] = [target, source];
  }
  return count;
}

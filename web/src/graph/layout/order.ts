/** The order of each layer, so that few lines cross: barycentres, swept down and up (Sugiyama, Tagawa, Toda 1981). */
import type { Layers } from './layers';

const MOST_SWEEPS = 12;
/** Sweeps without a better order, after which nothing better is expected. */
const PATIENCE = 4;

export function orderLayers(graph: Layers): void {
  begin(graph);
  if (graph.widest < 2) return;
  const sweeper = new Sweeper(graph);
  let best = sweeper.crossings();
  let kept = graph.order.slice();
  let without = 0;
  for (let sweep = 0; sweep < MOST_SWEEPS && best > 0 && without < PATIENCE; sweep++) {
    sweeper.sweep(sweep % 2 === 0);
    const now = sweeper.crossings();
    if (now < best) {
      best = now;
      without = 0;
      kept = graph.order.slice();
    } else without++;
  }
  graph.order.set(kept);
  number(graph);
}

function number({ nLayers, begins, order, position }: Layers): void {
  for (let layer = 0; layer < nLayers; layer++) for (let i = begins[layer]!; i < begins[layer + 1]!; i++) position[order[i]!] = i - begins[layer]!;
}

/** Depth first from the top, so that what belongs together stands together. */
function begin(graph: Layers): void {
  const { n, nLayers, rank, begins, order, segLower, downs } = graph;
  const next = begins.slice(0, nLayers);
  const byRank = new Int32Array(n);
  for (let v = 0; v < n; v++) byRank[next[rank[v]!]!++] = v;
  next.set(begins.subarray(0, nLayers));
  const isPlaced = new Uint8Array(n);
  const stack: number[] = [];
  for (const start of byRank) {
    stack.push(start);
    while (stack.length) {
      const v = stack.pop()!;
      if (isPlaced[v]) continue;
      isPlaced[v] = 1;
      order[next[rank[v]!]!++] = v;
      for (let i = downs.begins[v + 1]! - 1; i >= downs.begins[v]!; i--) stack.push(segLower[downs.edges[i]!]!);
    }
  }
  number(graph);
}

/** Sorts layers and counts crossings; what cannot have changed is neither sorted nor counted again. */
class Sweeper {
  /** Where a segment meets its vertices, as a part of a place in the layer. */
  readonly #upperOff: Float64Array;
  readonly #lowerOff: Float64Array;
  readonly #value: Float64Array;
  /** Crossings between a layer and the next; -1: to be counted. */
  readonly #crossed: Float64Array;
  /** Layers that sorting may change, by the layers above and by those below. */
  readonly #isStale: readonly [above: Uint8Array, below: Uint8Array];
  #keys: Float64Array = new Float64Array(64);
  #spare: Float64Array = new Float64Array(64);

  constructor(readonly graph: Layers) {
    const { nLayers, segUpper, segLower, upperAt, lowerAt, across } = graph;
    const off = (at: Float32Array, vertex: Int32Array) => {
      const offs = new Float64Array(at.length);
      for (let s = 0; s < at.length; s++) offs[s] = (at[s]! / (across[vertex[s]!]! + 1)) * 0.9;
      return offs;
    };
    this.#upperOff = off(upperAt, segUpper);
    this.#lowerOff = off(lowerAt, segLower);
    this.#value = new Float64Array(graph.n);
    this.#crossed = new Float64Array(nLayers).fill(-1);
    this.#isStale = [new Uint8Array(nLayers).fill(1), new Uint8Array(nLayers).fill(1)];
  }

  sweep(isDown: boolean): void {
    const { nLayers, begins } = this.graph;
    const isStale = this.#isStale[isDown ? 0 : 1];
    for (let i = 1; i < nLayers; i++) {
      const at = isDown ? i : nLayers - 1 - i;
      if (!isStale[at]) continue;
      isStale[at] = 0;
      if (begins[at + 1]! - begins[at]! > 1 && this.#sort(at, isDown)) this.#changed(at, isDown);
    }
  }

  #changed(at: number, isDown: boolean): void {
    const above = this.#isStale[0];
    const below = this.#isStale[1];
    (isDown ? below : above)[at] = 1;
    this.#crossed[at] = -1;
    if (at > 0) {
      this.#crossed[at - 1] = -1;
      below[at - 1] = 1;
    }
    if (at + 1 < this.graph.nLayers) above[at + 1] = 1;
  }

  /** Sort one layer by the barycentres of its neighbours; whether that changed it. */
  #sort(at: number, isDown: boolean): boolean {
    const { begins, order, position, ups, downs, segUpper, segLower } = this.graph;
    const value = this.#value;
    const rows = isDown ? ups : downs;
    const far = isDown ? segUpper : segLower;
    const off = isDown ? this.#upperOff : this.#lowerOff;
    const first = begins[at]!;
    const end = begins[at + 1]!;
    const nFixed = isDown ? first - begins[at - 1]! : begins[at + 2]! - end;
    let isSorted = true;
    for (let i = first; i < end; i++) {
      const v = order[i]!;
      const from = rows.begins[v]!;
      const to = rows.begins[v + 1]!;
      let sum = 0;
      for (let k = from; k < to; k++) sum += position[far[rows.edges[k]!]!]! + off[rows.edges[k]!]!;
      value[v] = to > from ? sum / (to - from) : (position[v]! * nFixed) / (end - first);
      if (i > first && value[v]! < value[order[i - 1]!]!) isSorted = false;
    }
    if (isSorted) return false;
    const layer = order.subarray(first, end);
    if (layer.length > 32) layer.sort((a, b) => value[a]! - value[b]! || position[a]! - position[b]!);
    else
      for (let i = 1; i < layer.length; i++) {
        const v = layer[i]!;
        let k = i;
        for (; k > 0 && value[layer[k - 1]!]! > value[v]!; k--) layer[k] = layer[k - 1]!;
        layer[k] = v;
      }
    for (let i = 0; i < layer.length; i++) position[layer[i]!] = i;
    return true;
  }

  crossings(): number {
    const { nLayers, begins } = this.graph;
    let total = 0;
    for (let at = 0; at + 1 < nLayers; at++) {
      if (this.#crossed[at]! < 0) this.#crossed[at] = begins[at + 2]! - begins[at]! === 2 ? 0 : this.#count(at);
      total += this.#crossed[at]!;
    }
    return total;
  }

  /** Segments below a layer that cross. */
  #count(at: number): number {
    const { begins, order, position, downs, segLower, upperAt } = this.graph;
    let n = 0;
    for (let i = begins[at]!; i < begins[at + 1]!; i++) {
      const v = order[i]!;
      const from = downs.begins[v]!;
      const to = downs.begins[v + 1]!;
      if (n + to - from > this.#keys.length) this.#grow(n + to - from);
      const keys = this.#keys;
      const leaves = this.#spare;
      // A hub may have very many.
      const own = to - from > 32 ? this.#sorted(from, to) : null;
      for (let k = from; k < to; k++) {
        const s = own ? own[k - from]! : downs.edges[k]!;
        const key = position[segLower[s]!]! + this.#lowerOff[s]!;
        const leaf = upperAt[s]!;
        let place = n + k - from;
        for (; place > n && (leaves[place - 1]! > leaf || (leaves[place - 1]! === leaf && keys[place - 1]! > key)); place--) {
          keys[place] = keys[place - 1]!;
          leaves[place] = leaves[place - 1]!;
        }
        keys[place] = key;
        leaves[place] = leaf;
      }
      n += to - from;
    }
    return inversions(this.#keys.subarray(0, n), this.#spare);
  }

  /** Segments from `from` to `to`, by where they leave and then by where they end. */
  #sorted(from: number, to: number): Int32Array {
    const { position, downs, segLower, upperAt } = this.graph;
    const end = (s: number) => position[segLower[s]!]! + this.#lowerOff[s]!;
    return downs.edges.slice(from, to).sort((a, b) => upperAt[a]! - upperAt[b]! || end(a) - end(b));
  }

  #grow(n: number): void {
    const keys = new Float64Array(2 * n);
    keys.set(this.#keys);
    this.#keys = keys;
    this.#spare = new Float64Array(2 * n);
  }
}

/** Pairs in the wrong order, by merging; equal ones are in order. Both arrays are overwritten. */
export function inversions(keys: Float64Array, spare: Float64Array): number {
  let source = keys;
  let target = spare;
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

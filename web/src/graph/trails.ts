/** Dependencies among the boxes on screen. */
import type { Seen } from './engine';

/** Ids from which a box can be reached, or which can be reached from it, with the box itself. */
export function reach(seen: Pick<Seen, 'from' | 'to' | 'nIds'>, start: number, isUp: boolean): Set<number> {
  const [near, far] = isUp ? [seen.to, seen.from] : [seen.from, seen.to];
  const rows = by(near, seen.nIds);
  const found = new Set([start]);
  const stack = [start];
  while (stack.length) {
    const at = stack.pop()!;
    for (let i = rows.begins[at]!; i < rows.begins[at + 1]!; i++) {
      const next = far[rows.edges[i]!]!;
      if (found.has(next)) continue;
      found.add(next);
      stack.push(next);
    }
  }
  return found;
}

/** Everything on a path between two boxes in either direction; only the two if there is none. */
export function between(seen: Pick<Seen, 'from' | 'to' | 'nIds'>, a: number, b: number): Set<number> {
  for (const [first, last] of [
    [a, b],
    [b, a],
  ] as const) {
    const down = reach(seen, first, false);
    if (!down.has(last)) continue;
    const up = reach(seen, last, true);
    return new Set([...down].filter((id) => up.has(id)));
  }
  return new Set([a, b]);
}

/** Boxes that feed one, or are fed by it, in the order of its edges. */
export function neighbours(seen: Pick<Seen, 'from' | 'to'>, id: number, isUp: boolean): number[] {
  const [near, far] = isUp ? [seen.to, seen.from] : [seen.from, seen.to];
  const found: number[] = [];
  for (let e = 0; e < near.length; e++) if (near[e] === id) found.push(far[e]!);
  return found;
}

function by(of: Int32Array, n: number): { begins: Int32Array; edges: Int32Array } {
  const begins = new Int32Array(n + 1);
  for (const id of of) begins[id + 1]!++;
  for (let id = 0; id < n; id++) begins[id + 1]! += begins[id]!;
  const next = begins.slice();
  const edges = new Int32Array(of.length);
  for (let e = 0; e < of.length; e++) edges[next[of[e]!]!++] = e;
  return { begins, edges };
}

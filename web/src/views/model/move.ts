/** Targets of the arrow keys: along the edges, and to neighbours. */
import type { Seen } from '../../graph/engine';
import { OPEN, type Scene } from '../../graph/scene';
import { neighbours } from '../../graph/trails';

/** The next box, or -1 if there is none; the first box if nothing is selected. */
export function move(scene: Scene, seen: Seen, selected: number, key: string): number {
  const at = scene.id.indexOf(selected);
  if (at < 0) return scene.id[0] ?? -1;
  const isDown = scene.direction === 'down';
  const forwards = isDown ? 'ArrowDown' : 'ArrowRight';
  const backwards = isDown ? 'ArrowUp' : 'ArrowLeft';
  if (key === forwards && scene.kind[at] === OPEN) return inside(scene, at);
  if (key === forwards || key === backwards) {
    const next = neighbours(seen, selected, key === backwards);
    // The nearest, so that a chain is followed rather than its shortcuts.
    const near = next.map((id) => scene.id.indexOf(id)).filter((b) => b >= 0);
    near.sort((a, b) => distance(scene, at, a) - distance(scene, at, b));
    if (near.length) return scene.id[near[0]!]!;
    return key === backwards && scene.parent[at]! >= 0 ? scene.id[scene.parent[at]!]! : -1;
  }
  return beside(scene, at, key === 'ArrowRight' || key === 'ArrowDown');
}

function inside(scene: Scene, group: number): number {
  const b = scene.parent.indexOf(group);
  return b < 0 ? -1 : scene.id[b]!;
}

function middle(scene: Scene, b: number): [number, number] {
  return [scene.x[b]! + scene.w[b]! / 2, scene.y[b]! + scene.h[b]! / 2];
}

function distance(scene: Scene, a: number, b: number): number {
  const [[ax, ay], [bx, by]] = [middle(scene, a), middle(scene, b)];
  return Math.hypot(ax - bx, ay - by);
}

/** The nearest at one side, in the same group. */
function beside(scene: Scene, at: number, isAfter: boolean): number {
  const axis = scene.direction === 'down' ? 0 : 1;
  const from = middle(scene, at);
  let [best, found] = [Infinity, -1];
  for (let b = 0; b < scene.id.length; b++) {
    if (b === at || scene.parent[b] !== scene.parent[at]) continue;
    const to = middle(scene, b);
    const ahead = (to[axis]! - from[axis]!) * (isAfter ? 1 : -1);
    // A layer away counts for more than a place in the layer.
    const cost = ahead + 4 * Math.abs(to[1 - axis]! - from[1 - axis]!);
    if (ahead > 4 && cost < best) [best, found] = [cost, b];
  }
  return found < 0 ? -1 : scene.id[found]!;
}

/** Caches solutions: identical blocks are laid out once, and unchanged groups are not laid out again. */
import { mixed } from '../hash';
import { layOut } from './layered';
import type { Problem, Solution } from './problem';

const MOST = 4000;

export class Memo {
  readonly #known = new Map<number, Solution>();
  /** How many were computed. */
  solved = 0;

  solve(problem: Problem): Solution {
    const key = keyOf(problem);
    const known = this.#known.get(key);
    if (known) return known;
    const solution = layOut(problem);
    this.solved++;
    this.#known.set(key, solution);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value!);
    return solution;
  }
}

function keyOf(problem: Problem): number {
  let hash = mixed(problem.nBoxes, problem.nIn * 65_536 + problem.nOut);
  for (const list of [problem.across, problem.along, problem.isAnchor, problem.edgeFrom, problem.edgeTo, problem.edgeNet, problem.fromAt, problem.toAt, problem.isFixed]) {
    hash = mixed(hash, list.length);
    for (let i = 0; i < list.length; i++) hash = mixed(hash, list[i]!);
  }
  return hash;
}

/** Everything between a pack and a drawing, run in a worker: the tree is built once, each state of the view is laid out. */
import { buildHierarchy, isGroup, membersOf, SIZES, totalsOf, type Hierarchy, type Totals } from './hierarchy';
import { Memo } from './layout/memo';
import { link, type Links } from './links';
import { unpack, type Graph } from './pack';
import { arrange, type Direction, type Scene } from './scene';
import { see, type Visible } from './visible';

/** The requested drawing. */
export interface Wish {
  isFlat: boolean;
  /** Groups to open; null: as many as suit a first view. */
  expanded: readonly number[] | 'all' | null;
  direction: Direction;
  /** Follows numbers of operations: "84 ops". */
  word: string;
}

/** Data derived from the pack alone. */
export interface Base {
  links: Links;
  tree: Hierarchy;
  totals: Totals;
}

export type Seen = Omit<Visible, 'inside' | 'open'>;

export interface Drawing {
  base: Base;
  seen: Seen;
  scene: Scene;
  expanded: number[];
}

/** Limit of boxes in the first view; more are hard to take in. */
const FIRST_BOXES = 48;

export class Engine {
  readonly graph: Graph;
  readonly #links: Links;
  readonly #bases: (Base | undefined)[] = [];
  readonly #memo = new Memo();

  constructor(pack: ArrayBuffer) {
    this.graph = unpack(pack);
    this.#links = link(this.graph);
  }

  base(isFlat: boolean): Base {
    const at = Number(isFlat);
    let base = this.#bases[at];
    if (!base) {
      const tree = buildHierarchy(this.graph, this.#links, isFlat);
      this.#bases[at] = base = { links: this.#links, tree, totals: totalsOf(this.graph, tree) };
    }
    return base;
  }

  draw({ isFlat, expanded, direction, word }: Wish): Drawing {
    const base = this.base(isFlat);
    const { tree, totals, links } = base;
    const open = expanded === null ? firstGroups(tree) : expanded === 'all' ? groupsOf(tree) : [...expanded];
    const visible = see(this.graph, links, tree, new Set(open));
    const { inside: _inside, open: _open, ...seen } = visible;
    return { base, seen, scene: arrange(this.graph, tree, totals, visible, direction, word, this.#memo), expanded: open };
  }
}

export function groupsOf(tree: Hierarchy): number[] {
  const groups: number[] = [];
  for (let item = 0; item < tree.nItems; item++) if (item !== tree.root && tree.parent[item]! >= 0 && isGroup(tree, item)) groups.push(item);
  return groups;
}

/** Open groups from the outside in, as long as there are few boxes; a single group is always open. */
export function firstGroups(tree: Hierarchy): number[] {
  const open: number[] = [];
  let level = Array.from(membersOf(tree, tree.root)).filter((item) => isGroup(tree, item));
  let boxes = membersOf(tree, tree.root).length;
  const isAlone = boxes === 1;
  while (level.length) {
    const next: number[] = [];
    for (const item of level) {
      const inside = membersOf(tree, item);
      const isOnly = isAlone && item === membersOf(tree, tree.root)[0];
      // Opening a row of identical blocks would show nothing new.
      if (!isOnly && (tree.repeats[item] || tree.made[item] === SIZES || boxes + inside.length > FIRST_BOXES)) continue;
      open.push(item);
      boxes += inside.length;
      for (const one of inside) if (isGroup(tree, one)) next.push(one);
    }
    level = next;
  }
  return open;
}

/** Rows of the matrix: tensors in forward order, repeated blocks folded into one row, and the search. */
import type { LayerTensor } from '../../api/schema.gen';

export interface Row {
  id: string;
  /** Number of group rows above it in the hierarchy. */
  depth: number;
  /** Name within its block: "attn.q", or "encoder.layers 0–11". */
  name: string;
  /** The whole path. */
  path: string;
  /** Indices of its tensors: one, or all that a group row summarises. */
  members: readonly number[];
  /** Whether the members of a group row are shown below it; null for a tensor. */
  isOpen: boolean | null;
}

interface Node {
  path: string;
  children: Map<string, Node>;
  /** Indices of the tensors of the layer itself. */
  own: number[];
}

/** Fewer repeated leaves are not folded: three layers of a plain network are not blocks. */
const FEWEST_LEAVES = 4;
/** Fraction of layers that blocks must share to count as repeats: the first block of a stage often has one more. */
const ALIKE = 0.5;

/** One row per tensor. */
export function flatRows(tensors: readonly LayerTensor[]): Row[] {
  return tensors.map((tensor, i) => tensorRow(tensor, i, 0, ''));
}

/** Rows with repeated blocks folded, except those whose id is in `open`. */
export function foldedRows(tensors: readonly LayerTensor[], types: ReadonlyMap<string, string>, open: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const visit = (node: Node, depth: number, within: string) => {
    for (const i of node.own) rows.push(tensorRow(tensors[i]!, i, depth, within));
    for (const run of repeats([...node.children], types)) {
      if (run.length === 1) {
        visit(run[0]![1], depth, within);
        continue;
      }
      const [first, last] = [run[0]!, run.at(-1)!];
      const { stem, digits } = numbered(first[0])!;
      const prefix = node.path ? `${node.path}.${stem}` : stem;
      const numbers = `${digits}–${numbered(last[0])!.digits}`;
      const path = `${prefix.replace(/\.$/, '')} ${numbers}`.trim();
      const members = run.flatMap(([, child]) => all(child));
      const isOpen = open.has(path);
      rows.push({ id: path, depth, name: relative(path, within), path, members, isOpen });
      if (!isOpen) continue;
      for (const [name, child] of run) {
        const inChild = all(child);
        if (!child.children.size || inChild.length === 1) {
          visit(child, depth + 1, node.path);
          continue;
        }
        const isChildOpen = open.has(child.path);
        rows.push({ id: child.path, depth: depth + 1, name, path: child.path, members: inChild, isOpen: isChildOpen });
        if (isChildOpen) visit(child, depth + 2, child.path);
      }
    }
  };
  visit(treeOf(tensors), 0, '');
  return rows;
}

/** Ids of the group rows that hide a layer. */
export function groupsOf(tensors: readonly LayerTensor[], types: ReadonlyMap<string, string>, layer: string): string[] {
  const open = new Set<string>();
  for (;;) {
    const hiding = foldedRows(tensors, types, open).find((row) => row.isOpen === false && row.members.some((i) => tensors[i]!.layer === layer));
    if (!hiding) return [...open];
    open.add(hiding.id);
  }
}

/** The unfolded group rows as they stand in an address. */
export function writeOpen(ids: Iterable<string>): string {
  return [...new Set(ids)].map((id) => id.replaceAll('~', '~~').replaceAll(',', '~.')).join(',');
}

export function readOpen(text: string): ReadonlySet<string> {
  return new Set(text.split(',').filter(Boolean).map((id) => id.replace(/~([~.])/g, (_, mark) => (mark === '~' ? '~' : ','))));
}

/**
 * Parse a search into a test for tensors: all words must occur in the name or the class, or a /regular expression/ must match.
 *
 * Null if the regular expression is invalid.
 */
export function layerFilter(typed: string, types: ReadonlyMap<string, string>): ((tensor: LayerTensor) => boolean) | null {
  const text = typed.trim();
  const named = (tensor: LayerTensor) => `${tensor.layer} ${tensor.tensor} ${types.get(tensor.layer) ?? ''}`;
  if (/^\/.*\/$/.test(text) && text.length > 1) {
    try {
      const pattern = new RegExp(text.slice(1, -1), 'i');
      return (tensor) => pattern.test(tensor.layer) || pattern.test(named(tensor));
    } catch {
      return null;
    }
  }
  const words = text.toLowerCase().split(/\s+/);
  return (tensor) => words.every((word) => named(tensor).toLowerCase().includes(word));
}

/**
 * Choose the rows that have room for their name, `gapPx` apart, those of high rank first.
 *
 * Rank 0 is an ordinary row. Returns pairs of a row and the middle of its label in px from the top, ascending.
 */
export function placeLabels(n: number, rowPx: number, gapPx: number, rank: (row: number) => number): [row: number, y: number][] {
  const total = n * rowPx;
  const placed = new Map<number, [number, number]>(); // by slots of gapPx: two labels that are too close are in the same or in neighbouring slots
  const fits = (y: number) => {
    const slot = Math.floor(y / gapPx);
    return [slot - 1, slot, slot + 1].every((at) => Math.abs((placed.get(at)?.[1] ?? Infinity) - y) >= gapPx);
  };
  const ranks = new Map<number, number[]>();
  for (let row = 0; row < n; row++) {
    const of = rank(row);
    const some = ranks.get(of);
    if (some) some.push(row);
    else ranks.set(of, [row]);
  }
  for (const of of [...ranks.keys()].sort((a, b) => b - a)) {
    for (const row of ranks.get(of)!) {
      const y = Math.min(Math.max((row + 0.5) * rowPx, gapPx / 2), Math.max(gapPx / 2, total - gapPx / 2));
      if (fits(y)) placed.set(Math.floor(y / gapPx), [row, y]);
    }
  }
  return [...placed.values()].sort((a, b) => a[0] - b[0]);
}

function tensorRow(tensor: LayerTensor, i: number, depth: number, within: string): Row {
  return { id: `${tensor.layer}/${tensor.tensor}`, depth, name: relative(tensor.layer, within), path: tensor.layer, members: [i], isOpen: null };
}

const relative = (path: string, within: string) => (within && path.startsWith(`${within}.`) ? path.slice(within.length + 1) : path);

function treeOf(tensors: readonly LayerTensor[]): Node {
  const root: Node = { path: '', children: new Map(), own: [] };
  tensors.forEach((tensor, i) => {
    let node = root;
    for (const part of tensor.layer.split('.')) {
      const path = node.path ? `${node.path}.${part}` : part;
      const known = node.children.get(part) ?? { path, children: new Map<string, Node>(), own: [] };
      node.children.set(part, known);
      node = known;
    }
    node.own.push(i);
  });
  return root;
}

function all(node: Node): number[] {
  return [...node.own, ...[...node.children.values()].flatMap(all)].sort((a, b) => a - b);
}

function numbered(name: string): { stem: string; digits: string } | null {
  const found = /^(.*?)(\d+)$/.exec(name);
  return found ? { stem: found[1]!, digits: found[2]! } : null;
}

/** Split children into repeats, which stay together, and single ones. */
function repeats(children: [string, Node][], types: ReadonlyMap<string, string>): [string, Node][][] {
  const stretches: [string, Node][][] = [];
  let shape = new Set<string>();
  for (const child of children) {
    const [before, now] = [numbered(stretches.at(-1)?.at(-1)?.[0] ?? ''), numbered(child[0])];
    const own = shapeOf(child[1], types);
    if (before && now && before.stem === now.stem && Number(now.digits) === Number(before.digits) + 1 && isAlike(shape, own)) stretches.at(-1)!.push(child);
    else {
      stretches.push([child]);
      shape = own;
    }
  }
  return stretches.flatMap((run) => (run[0]![1].children.size || run.length >= FEWEST_LEAVES ? [run] : run.map((one) => [one])));
}

/** Paths within a block, with the class of each layer. */
function shapeOf(node: Node, types: ReadonlyMap<string, string>): Set<string> {
  const found = new Set<string>();
  const visit = (one: Node) => {
    if (one.own.length) found.add(`${one.path.slice(node.path.length)} ${types.get(one.path) ?? ''}`);
    for (const child of one.children.values()) visit(child);
  };
  visit(node);
  return found;
}

function isAlike(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  let common = 0;
  for (const one of a) if (b.has(one)) common++;
  return common >= ALIKE * (a.size + b.size - common);
}

/** The layers as rows of a table, and as Markdown or CSV. */
import { isGroup, type Hierarchy, type Totals } from './hierarchy';
import { kindOf } from './labels';
import { shapeText, type Graph } from './pack';
import { fullName } from './search';

export interface Row {
  item: number;
  /** Number of enclosing groups. */
  depth: number;
  isGroup: boolean;
  name: string;
  op: string;
  /** Shape of its first output; '' for a group. */
  shape: string;
  parameters: number;
  /** NaN if unknown. */
  flops: number;
  nodes: number;
}

export type Column = 'name' | 'op' | 'shape' | 'parameters' | 'flops' | 'nodes';

/** Leaves in order of execution, with or without their groups. */
export function rowsOf(graph: Graph, tree: Hierarchy, totals: Totals, hasGroups: boolean): Row[] {
  const rows: Row[] = [];
  const stack: number[] = [tree.root];
  while (stack.length) {
    const item = stack.pop()!;
    const group = isGroup(tree, item);
    if (group) for (let at = tree.memberEnds[item]! - 1; at >= (item ? tree.memberEnds[item - 1]! : 0); at--) stack.push(tree.members[at]!);
    if (item === tree.root || (group && !hasGroups && item >= tree.nLeaves)) continue;
    rows.push({
      item,
      depth: hasGroups ? tree.depth[item]! - 1 : 0,
      isGroup: group,
      name: fullName(graph, tree, item),
      op: kindOf(graph, tree, item),
      shape: group ? '' : shapeOf(graph, tree, item),
      parameters: totals.parameters[item]!,
      flops: totals.flops[item]!,
      nodes: totals.nodes[item]!,
    });
  }
  return rows;
}

function shapeOf(graph: Graph, tree: Hierarchy, leaf: number): string {
  if (tree.hasTensorLeaves) return shapeText(graph.shape(graph.tensorShape[leaf]!));
  const value = graph.outputsOf(leaf)[0] ?? -1;
  const shape = value < 0 ? null : graph.shape(graph.valueShape[value]!);
  return shape ? shapeText(shape) : '';
}

/** Sort with unknown numbers last in either direction; ties keep their order. */
export function sorted(rows: readonly Row[], by: Column, isDescending: boolean): Row[] {
  const sign = isDescending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [a[by], b[by]];
    if (typeof x === 'string' || typeof y === 'string') return sign * String(x).localeCompare(String(y), undefined, { numeric: true });
    if (x !== x || y !== y) return Number(x !== x) - Number(y !== y);
    return sign * (x - y);
  });
}

const COLUMNS: readonly (readonly [Column, string])[] = [
  ['name', 'name'],
  ['op', 'op'],
  ['shape', 'output'],
  ['parameters', 'parameters'],
  ['flops', 'FLOPs'],
];

const cell = (value: string | number) => (value === value ? String(value) : '');

export function toCsv(rows: readonly Row[]): string {
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [COLUMNS.map(([, title]) => title), ...rows.map((row) => COLUMNS.map(([name]) => cell(row[name])))].map((line) => line.map(quoted).join(',')).join('\n') + '\n';
}

export function toMarkdown(rows: readonly Row[]): string {
  const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = [COLUMNS.map(([, title]) => title), COLUMNS.map(([name]) => (name === 'parameters' || name === 'flops' ? '---:' : '---')), ...rows.map((row) => COLUMNS.map(([name]) => escaped(cell(row[name]))))];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n') + '\n';
}

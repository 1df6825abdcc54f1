/** The label of an item: a title, and the most important facts below it. */
import { count } from '../i18n/numbers';
import { BLOCK, isGroup, membersOf, SIZES, type Hierarchy, type Totals } from './hierarchy';
import { textWidth } from './measure';
import { familyOf, type Family } from './ops';
import { shapeText, type Graph } from './pack';

export interface Label {
  title: string;
  subtitle: string;
  family: Family;
}

const TITLE_PX = 12;
const SUBTITLE_PX = 10.5;
const PADDING_PX = 11;
const LEAST_WIDTH_PX = 62;
const MOST_WIDTH_PX = 220;

/** "conv2d" of "aten::conv2d". */
export function shortOp(op: string): string {
  return op.slice(op.lastIndexOf(':') + 1) || op;
}

/** The last part of a dotted or slashed path. */
function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('.'), path.lastIndexOf('/')) + 1);
}

/** Path of an item's scope below that of the item that holds it. */
function ownPath(graph: Graph, tree: Hierarchy, item: number): string {
  const scope = tree.scopeOf[item]!;
  if (scope < 0) return '';
  const path = graph.text(graph.scopeName[scope] ?? -1);
  if ((graph.scopeOwner[scope] ?? -1) >= 0) return lastPart(path);
  for (let above = tree.parent[item]!; above >= 0; above = tree.parent[above]!) {
    if (tree.scopeOf[above]! < 0) continue;
    const outer = graph.text(graph.scopeName[tree.scopeOf[above]!] ?? -1);
    return outer && path.startsWith(outer) ? path.slice(outer.length).replace(/^[./]/, '') : path;
  }
  return path;
}

export function nameOf(graph: Graph, tree: Hierarchy, item: number): string {
  if (tree.scopeOf[item]! >= 0) return ownPath(graph, tree, item);
  if (item >= tree.nLeaves) {
    const members = membersOf(tree, item);
    if (tree.made[item] === SIZES) return 'Shape';
    if (tree.made[item] === BLOCK) return blockName(graph, tree, members);
    if (members.length && tree.made[members[0]!] === BLOCK && nameOf(graph, tree, members[0]!) === nameOf(graph, tree, members[1]!)) return nameOf(graph, tree, members[0]!);
    return members.length ? `${nameOf(graph, tree, members[0]!)} … ${nameOf(graph, tree, members.at(-1)!)}` : '';
  }
  return lastPart(graph.text(tree.hasTensorLeaves ? graph.tensorName[item]! : graph.nodeName[item]!));
}

/** How a sentence or a list refers to an item: its name, with that of what holds it if it is a number, or else its kind. */
export function mentionOf(graph: Graph, tree: Hierarchy, item: number): string {
  const name = nameOf(graph, tree, item);
  if (!/^\d+$/.test(name)) return name || kindOf(graph, tree, item);
  const scope = tree.scopeOf[item]!;
  const path = scope >= 0 ? graph.text(graph.scopeName[scope] ?? -1) : graph.text(tree.hasTensorLeaves ? graph.tensorName[item]! : graph.nodeName[item]!);
  const above = lastPart(path.slice(0, -1 - name.length));
  return above ? `${above}.${name}` : `${kindOf(graph, tree, item)} ${name}`.trim();
}

/** The name of the only scope in it, or its first operation and its last: "Conv … Relu". */
function blockName(graph: Graph, tree: Hierarchy, members: Int32Array): string {
  const scopes = members.filter((member) => tree.scopeOf[member]! >= 0);
  if (scopes.length === 1) return nameOf(graph, tree, scopes[0]!);
  const name = (member: number) => kindOf(graph, tree, member) || nameOf(graph, tree, member);
  return `${name(members[0]!)} … ${name(members.at(-1)!)}`;
}

/** Class of a scope, of the blocks of a repeat, or the operation. */
export function kindOf(graph: Graph, tree: Hierarchy, item: number): string {
  const scope = tree.scopeOf[item]!;
  if (scope >= 0 && graph.text(graph.scopeKind[scope] ?? -1)) return graph.text(graph.scopeKind[scope]!);
  if (item < tree.nLeaves) return tree.hasTensorLeaves ? graph.text(graph.tensorDtype[item]!) : shortOp(graph.text(graph.nodeOp[item]!));
  return tree.repeats[item] ? kindOf(graph, tree, membersOf(tree, item)[0]!) : '';
}

/** `word` follows the number of operations: "84 ops". */
export function labelOf(graph: Graph, tree: Hierarchy, totals: Totals, item: number, word: string): Label {
  if (item < tree.nLeaves && tree.hasTensorLeaves) return { title: nameOf(graph, tree, item), subtitle: shapeText(graph.shape(graph.tensorShape[item]!)), family: 'other' };
  const kind = kindOf(graph, tree, item);
  if (item < tree.nLeaves) {
    const family = familyOf(graph.text(graph.nodeOp[item]!));
    if (isGroup(tree, item)) return { title: kind, subtitle: lastPart(graph.text(graph.nodeName[item]!)), family };
    const name = tree.scopeOf[item]! >= 0 ? nameOf(graph, tree, item) : ownName(graph, item);
    return { title: kind, subtitle: [name, summaryOf(graph, item)].filter(Boolean).join(' · '), family };
  }
  const inner = tree.repeats[item] && tree.scopeOf[item]! >= 0 ? kindOf(graph, tree, membersOf(tree, item)[0]!) : kind;
  const size = tree.hasTensorLeaves ? '' : `${count(totals.nodes[item]!)} ${word}`;
  return { title: nameOf(graph, tree, item), subtitle: [inner, size].filter(Boolean).join(' · '), family: 'other' };
}

const LONGEST_NAME = 24;
const letters = (text: string) => text.toLowerCase().replace(/[^a-z]+/g, '');

/** The name of a node if it says more than its operation: not "add_1" for an Add. */
function ownName(graph: Graph, node: number): string {
  const name = lastPart(graph.text(graph.nodeName[node]!));
  if (!name || name.length > LONGEST_NAME) return '';
  const bare = letters(name);
  if (!bare || /^(n|node|op)$/.test(bare)) return '';
  const op = letters(shortOp(graph.text(graph.nodeOp[node]!)));
  return bare.includes(op) || op.includes(bare) ? '' : name;
}

/** The shape of its weight, or the most informative attribute. */
function summaryOf(graph: Graph, node: number): string {
  let largest = -1;
  let rank = 1;
  for (const value of graph.inputsOf(node)) {
    const tensor = value < 0 ? -1 : graph.valueTensor[value]!;
    const shape = tensor < 0 ? null : graph.shape(graph.tensorShape[tensor]!);
    if (shape && shape.length > rank) [largest, rank] = [tensor, shape.length];
  }
  if (largest >= 0) return shapeText(graph.shape(graph.tensorShape[largest]!));
  if (graph.nodeAttributes[node]! < 0) return '';
  const attributes = graph.attributesOf(node);
  const kernel = attributes['kernel_shape'] ?? attributes['kernel_size'] ?? attributes['pool_size'];
  if (Array.isArray(kernel)) return kernel.join('×');
  for (const name of ['perm', 'axis', 'axes', 'dim', 'dims', 'to', 'equation', 'mode']) {
    const value = attributes[name];
    if (Array.isArray(value) && value.length <= 6) return `${name} ${value.join(' ')}`;
    if (typeof value === 'number' || (typeof value === 'string' && value.length <= 24)) return `${name} ${value}`;
  }
  return '';
}

/** Space that a label needs; a badge such as "× 12" and the sign for opening a group are to the right of the title. */
export function sizeOfLabel(label: Label, badge: string, isGroup: boolean): { width: number; height: number } {
  const title = textWidth(label.title, TITLE_PX, true) + (badge ? textWidth(badge, SUBTITLE_PX, true) + 16 : 0) + (isGroup ? 20 : 0);
  const width = Math.max(title, textWidth(label.subtitle, SUBTITLE_PX)) + 2 * PADDING_PX;
  return { width: Math.round(Math.min(MOST_WIDTH_PX, Math.max(LEAST_WIDTH_PX, width))), height: label.subtitle ? 40 : 27 };
}

export function badgeOf(tree: Hierarchy, item: number): string {
  return tree.repeats[item] ? `× ${tree.repeats[item]}` : '';
}

/** Finds items by name, operation, type, shape or attribute. */
import { isGroup, type Hierarchy } from './hierarchy';
import { kindOf } from './labels';
import { shapeText, type Graph } from './pack';

export interface Hit {
  item: number;
  name: string;
  /** Operation or class. */
  kind: string;
  /** Where the text was found if not in name or kind: a shape, an attribute. */
  where: string;
}

const MOST_HITS = 2000;

/** A test for texts; null if the pattern is invalid. `/…/` is a regular expression; otherwise all words must occur. */
export function matcher(typed: string): ((text: string) => boolean) | null {
  const pattern = /^\/(.*?)\/?$/s.exec(typed.trim());
  if (pattern && typed.trim().length > 1) {
    try {
      const regex = new RegExp(pattern[1]!, 'i');
      return (text) => regex.test(text);
    } catch {
      return null;
    }
  }
  // Shapes may be typed with ×, x or commas.
  const plain = (text: string) => text.toLowerCase().replaceAll('×', 'x').replace(/(\d)\s*,\s*(?=\d)/g, '$1x');
  const words = plain(typed).split(/\s+/).filter(Boolean);
  return (text) => {
    const lower = plain(text);
    return words.every((word) => lower.includes(word));
  };
}

/** In order: matches of names first, then others. */
export function search(graph: Graph, tree: Hierarchy, typed: string): Hit[] {
  const matches = typed.trim() ? matcher(typed) : null;
  if (!matches) return [];
  const named: Hit[] = [];
  const others: Hit[] = [];
  const known = new Map<number, boolean>();
  const isMatch = (text: number) => {
    if (text < 0) return false;
    let found = known.get(text);
    if (found === undefined) known.set(text, (found = matches(graph.text(text))));
    return found;
  };
  const shapes = new Map<number, boolean>();
  const isShape = (text: number) => {
    if (text < 0) return false;
    let found = shapes.get(text);
    if (found === undefined) shapes.set(text, (found = matches(shapeText(graph.shape(text)))));
    return found;
  };
  for (let item = 0; item < tree.nItems && named.length < MOST_HITS; item++) {
    if (tree.parent[item]! < 0) continue;
    const name = fullName(graph, tree, item);
    const kind = kindOf(graph, tree, item);
    if (item >= tree.nLeaves) {
      if (name && (matches(name) || matches(kind) || matches(`${name} ${kind}`))) named.push({ item, name, kind, where: '' });
      continue;
    }
    const op = tree.hasTensorLeaves ? kind : graph.text(graph.nodeOp[item]!);
    if (matches(name) || matches(op) || matches(kind) || matches(`${name} ${op}`)) named.push({ item, name, kind, where: '' });
    else {
      const where = tree.hasTensorLeaves ? (isShape(graph.tensorShape[item]!) ? shapeText(graph.shape(graph.tensorShape[item]!)) : '') : inside(item);
      if (where) others.push({ item, name, kind, where });
    }
  }
  return [...named, ...others].slice(0, MOST_HITS);

  function inside(node: number): string {
    for (const value of [...graph.outputsOf(node), ...graph.inputsOf(node)]) {
      if (value < 0) continue;
      if (isMatch(graph.valueName[value]!)) return graph.text(graph.valueName[value]!);
      if (isMatch(graph.valueDtype[value]!)) return graph.text(graph.valueDtype[value]!);
      if (isShape(graph.valueShape[value]!)) return shapeText(graph.shape(graph.valueShape[value]!));
      const tensor = graph.valueTensor[value]!;
      if (tensor >= 0 && isMatch(graph.tensorName[tensor]!)) return graph.text(graph.tensorName[tensor]!);
      if (tensor >= 0 && isShape(graph.tensorShape[tensor]!)) return shapeText(graph.shape(graph.tensorShape[tensor]!));
    }
    if (!isMatch(graph.nodeAttributes[node]!)) return '';
    const attributes = Object.entries(graph.attributesOf(node)).map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    return attributes.find(matches!) ?? graph.text(graph.nodeAttributes[node]!).slice(0, 80);
  }
}

/** Whether the first that an item holds is a scope. */
function hasScope(tree: Hierarchy, item: number): boolean {
  return tree.scopeOf[tree.members[item ? tree.memberEnds[item - 1]! : 0]!]! >= 0;
}

/** The full name of an item: path of its scope, name of the node, or the range of a repeat. */
export function fullName(graph: Graph, tree: Hierarchy, item: number): string {
  if (item < tree.nLeaves) {
    const name = graph.text(tree.hasTensorLeaves ? graph.tensorName[item]! : graph.nodeName[item]!);
    if (name || tree.scopeOf[item]! < 0) return name;
  }
  if (tree.scopeOf[item]! >= 0) return graph.text(graph.scopeName[tree.scopeOf[item]!] ?? -1);
  if (!isGroup(tree, item)) return '';
  // Parts of a row of operations are named by the first and the last of them.
  if (tree.made[item] && tree.leafTo[item]! > tree.leafFrom[item]! && !hasScope(tree, item)) return `${fullName(graph, tree, tree.leaves[tree.leafFrom[item]!]!)} … ${fullName(graph, tree, tree.leaves[tree.leafTo[item]! - 1]!)}`;
  const [first, last] = [tree.members[item ? tree.memberEnds[item - 1]! : 0]!, tree.members[tree.memberEnds[item]! - 1]!];
  return `${fullName(graph, tree, first)} … ${fullName(graph, tree, last)}`;
}

/** The name under which other views know an item: path of its scope, or of the module that a node is; calls after the first are the same layer. */
export function layerOf(graph: Graph, tree: Hierarchy, item: number): string {
  const scope = tree.scopeOf[item]!;
  const name = scope >= 0 && item >= tree.nLeaves ? graph.text(graph.scopeName[scope] ?? -1) : fullName(graph, tree, item);
  return name.replace(/ \(call \d+\)/g, '');
}

/** The item that a layer is: a scope, a node of that name, or the innermost scope around it; -1 for none. */
export function itemOfLayer(graph: Graph, tree: Hierarchy, layer: string): number {
  for (let scope = 0; scope < graph.nScopes; scope++) if (tree.itemOfScope[scope]! >= 0 && graph.text(graph.scopeName[scope]!) === layer) return layer ? tree.itemOfScope[scope]! : -1;
  for (let leaf = 0; leaf < tree.nLeaves; leaf++) if (tree.parent[leaf]! >= 0 && fullName(graph, tree, leaf) === layer) return leaf;
  return -1;
}

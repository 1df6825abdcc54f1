/** Shape arithmetic: operations that compute from nothing but shapes, as Shape → Gather → Unsqueeze → Concat does for a Reshape. */
import type { Links } from './links';
import type { Graph } from './pack';

const BEGINNINGS = new Set(['shape', 'size', 'symsize']);
const ARITHMETIC = new Set(
  'abs add addv2 cast ceil concat concatv2 constantofshape div equal expand expanddims floor floordiv floordivide gather gatherv2 greater identity int less listconstruct listunpack max maximum min minimum mod mul neg not numtotensor pack pow prod range realdiv reciprocal reduceprod reshape scatternd select slice split sqrt squeeze stridedslice sub truncdiv unsqueeze where'.split(
    ' ',
  ),
);

const bare = (op: string) => op.slice(op.lastIndexOf(':') + 1).replaceAll('_', '').toLowerCase();

/** For each node, the first operation that uses what it computes from shapes; -1 for a node that computes from data, too. */
export function sizeUsers(graph: Graph, links: Links): Int32Array {
  const users = new Int32Array(graph.nNodes).fill(-1);
  const isSize = sizeNodes(graph, links);
  const results = new Set(graph.outputs);
  for (let at = graph.nNodes - 1; at >= 0; at--) {
    const node = links.order[at]!;
    if (isSize[node]) users[node] = userOf(node);
  }
  return users;

  function userOf(node: number): number {
    let first = -1;
    for (const value of graph.outputsOf(node)) {
      if (value < 0) continue;
      if (results.has(value)) return -1;
      for (let i = value ? links.consumerEnds[value - 1]! : 0; i < links.consumerEnds[value]!; i++) {
        const consumer = links.consumers[i]!;
        const user = isSize[consumer] ? users[consumer]! : consumer;
        if (user >= 0 && (first < 0 || links.position[user]! < links.position[first]!)) first = user;
      }
    }
    return first;
  }
}

/** 1 for what begins at a shape, or continues what does with constants: numbers, and lists of them. */
function sizeNodes(graph: Graph, links: Links): Uint8Array {
  const isSize = new Uint8Array(graph.nNodes);
  const kinds = new Map<number, 'begins' | 'continues' | ''>();
  const owners = new Set(graph.scopeOwner);
  for (const op of new Set(graph.nodeOp)) {
    const name = bare(graph.text(op));
    kinds.set(op, BEGINNINGS.has(name) ? 'begins' : ARITHMETIC.has(name) ? 'continues' : '');
  }
  const isList = (value: number) => value < 0 || (graph.shape(graph.valueShape[value]!)?.length ?? 0) <= 1;
  for (const node of links.order) {
    const kind = kinds.get(graph.nodeOp[node]!);
    if (!kind || links.isConstant[node] || owners.has(node) || !graph.outputsOf(node).every(isList)) continue;
    isSize[node] = kind === 'begins' || continues(node) ? 1 : 0;
  }
  return isSize;

  function continues(node: number): boolean {
    let isMeasured = false;
    for (const value of graph.inputsOf(node)) {
      if (value < 0 || graph.valueTensor[value]! >= 0) continue;
      const maker = links.producer[value]!;
      if (maker < 0) return false;
      if (isSize[maker]) isMeasured = true;
      else if (!links.isConstant[maker]) return false;
    }
    return isMeasured;
  }
}

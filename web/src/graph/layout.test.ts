import { expect, test } from 'vitest';
import { buildHierarchy, isGroup, membersOf, totalsOf } from './hierarchy';
import { labelOf } from './labels';
import { apart, layOut } from './layout/layered';
import { Memo } from './layout/memo';
import { inversions } from './layout/order';
import type { Problem } from './layout/problem';
import { link } from './links';
import type { Graph } from './pack';
import { arrange, OPEN, type Direction, type Scene } from './scene';
import { Maker, transformer } from './testing';
import { see } from './visible';

function problem(nBoxes: number, edges: [number, number, number?][], { nIn = 0, nOut = 0 } = {}): Problem {
  const n = nBoxes + nIn + nOut;
  return {
    nBoxes,
    nIn,
    nOut,
    across: new Float32Array(n).fill(80).fill(14, nBoxes),
    along: new Float32Array(n).fill(30).fill(0, nBoxes),
    isAnchor: new Uint8Array(n),
    edgeFrom: Int32Array.from(edges, ([from]) => from),
    edgeTo: Int32Array.from(edges, ([, to]) => to),
    edgeNet: Int32Array.from(edges, ([from, , net]) => net ?? from),
    fromAt: new Float32Array(edges.length),
    toAt: new Float32Array(edges.length),
    isFixed: new Uint8Array(edges.length),
  };
}

/** A graph of layers whose edges are the same every time. */
function tangle(nLayers: number, width: number): Problem {
  const edges: [number, number][] = [];
  for (let layer = 1; layer < nLayers; layer++)
    for (let i = 0; i < width; i++) {
      edges.push([(layer - 1) * width + ((i * 7 + layer) % width), layer * width + i]);
      if ((i + layer) % 3 === 0 && layer > 2) edges.push([(layer - 3) * width + ((i * 5) % width), layer * width + i]);
    }
  return problem(nLayers * width, edges);
}

function overlaps(boxes: { x: number; y: number; w: number; h: number }[]): number {
  let count = 0;
  for (const [i, a] of boxes.entries()) for (const b of boxes.slice(i + 1)) if (a.x < b.x + b.w - 0.01 && b.x < a.x + a.w - 0.01 && a.y < b.y + b.h - 0.01 && b.y < a.y + a.h - 0.01) count++;
  return count;
}

test('a chain stands in one upright line', () => {
  const { centre, top, corners } = layOut(problem(4, [[0, 1], [1, 2], [2, 3]]));
  expect(new Set(centre).size).toBe(1);
  expect([...top].every((y, i) => !i || y > top[i - 1]!)).toBe(true);
  for (let i = 0; i < corners.length; i += 2) expect(corners[i]).toBe(centre[0]);
});

test('boxes never overlap, and edges point down', () => {
  const given = tangle(12, 9);
  const { centre, top, cornerEnds, corners, across } = layOut(given);
  expect(overlaps([...centre].map((x, v) => ({ x: x - 40, y: top[v]!, w: 80, h: 30 })))).toBe(0);
  expect(Math.max(...centre) + 40).toBeLessThanOrEqual(across + 0.01);
  expect(Math.min(...centre) - 40).toBeGreaterThanOrEqual(-0.01);
  cornerEnds.forEach((end, e) => {
    for (let i = (e ? cornerEnds[e - 1]! : 0) + 1; i < end; i++) expect(corners[2 * i + 1]).toBeGreaterThanOrEqual(corners[2 * i - 1]! - 0.01);
  });
});

test('a line that passes a layer is upright there, and crosses no box', () => {
  const given = tangle(10, 6);
  const { corners, cornerEnds, centre, top } = layOut(given);
  let passes = 0;
  cornerEnds.forEach((end, e) => {
    const from = e ? cornerEnds[e - 1]! : 0;
    for (let i = from + 2; i + 3 < end; i += 2) {
      passes++;
      expect(corners[2 * i]).toBe(corners[2 * i + 2]);
      centre.forEach((x, v) => {
        const isBeside = top[v]! + 30 <= corners[2 * i + 1]! || top[v]! >= corners[2 * i + 3]!;
        if (!isBeside) expect(Math.abs(x - corners[2 * i]!)).toBeGreaterThan(40);
      });
    }
  });
  expect(passes).toBeGreaterThan(10);
});

test('the lines of one net share their way', () => {
  // 0 feeds 1, and also 4 at the end of 1 - 2 - 3 - 4, and 3.
  const { ownFrom, isBack } = layOut(problem(5, [[0, 1], [1, 2], [2, 3], [3, 4], [0, 4], [0, 3]]));
  expect([...ownFrom]).toEqual([0, 0, 0, 0, 0, 5]);
  expect([...isBack]).toEqual([0, 0, 0, 0, 0, 0]);
});

test('a loop is drawn, with one edge back', () => {
  const { isBack, corners, cornerEnds } = layOut(problem(3, [[0, 1], [1, 2], [2, 1]]));
  expect([...isBack]).toEqual([0, 0, 1]);
  // It still goes from where it begins to where it ends.
  expect(corners[2 * cornerEnds[1]! + 1]!).toBeGreaterThan(corners[2 * cornerEnds[2]! - 1]!);
});

test('what nothing feeds is beside what it feeds', () => {
  const anchored = problem(5, [[0, 1], [1, 2], [2, 3], [4, 3]]);
  anchored.isAnchor[0] = 1;
  const { top } = layOut(anchored);
  expect(top[4]).toBe(top[2]);
});

test('edges that come into one box are apart', () => {
  const { corners, cornerEnds } = layOut(problem(4, [[0, 3], [1, 3], [2, 3]]));
  const ends = [...cornerEnds].map((end) => corners[2 * end - 2]!).sort((a, b) => a - b);
  expect(ends[1]! - ends[0]!).toBeGreaterThan(8);
  expect(ends[2]! - ends[1]!).toBeGreaterThan(8);
});

test('ports are at the borders', () => {
  const { top, along } = layOut(problem(1, [[1, 0], [0, 2]], { nIn: 1, nOut: 1 }));
  expect(top[1]).toBe(0);
  expect(top[2]).toBe(along);
});

test('boxes without edges fill rows', () => {
  const { across, along, centre, top } = layOut(problem(30, []));
  expect(overlaps([...centre].map((x, v) => ({ x: x - 40, y: top[v]!, w: 80, h: 30 })))).toBe(0);
  expect(across / along).toBeGreaterThan(0.7);
  expect(across / along).toBeLessThan(3);
});

test('apart moves as little as possible', () => {
  expect(apart([0, 0, 0], 2)).toEqual([-2, 0, 2]);
  expect(apart([0, 10, 11], 2)).toEqual([0, 9.5, 11.5]);
});

test.each([[[3, 1, 2]], [[1, 1, 0, 5, 2, 2, 9, 0]], [[]], [[4, 3, 2, 1]]])('inversions of %j are those counted one by one', (keys) => {
  const slow = keys.flatMap((a, i) => keys.slice(i + 1).filter((b) => b < a)).length;
  expect(inversions(Float64Array.from(keys), new Float64Array(keys.length))).toBe(slow);
});

function drawn(graph: Graph, expanded: Iterable<number> | 'all' = [], direction: Direction = 'down', isFlat = false, memo = new Memo()) {
  const links = link(graph);
  const tree = buildHierarchy(graph, links, isFlat);
  const totals = totalsOf(graph, tree);
  const groups = Array.from({ length: tree.nItems }, (_, item) => item).filter((item) => isGroup(tree, item));
  const seen = see(graph, links, tree, new Set(expanded === 'all' ? groups : expanded));
  return { links, tree, totals, seen, scene: arrange(graph, tree, totals, seen, direction, 'ops', memo), memo };
}

function boxesOf(scene: Scene) {
  return [...scene.id].map((id, i) => ({ id, x: scene.x[i]!, y: scene.y[i]!, w: scene.w[i]!, h: scene.h[i]!, parent: scene.parent[i]!, kind: scene.kind[i]! }));
}

test('identical blocks are one item that says how many', () => {
  const graph = transformer(12).graph();
  const { tree, seen, totals } = drawn(graph);
  const names = seen.inside.get(tree.root)!.filter((id) => id < tree.nItems).map((item) => labelOf(graph, tree, totals, item, 'ops').title);
  expect(names).toEqual(['Embedding', 'layers', 'Softmax']);
  const layers = seen.inside.get(tree.root)![2]!;
  expect(tree.repeats[layers]).toBe(12);
  expect(membersOf(tree, layers).length).toBe(12);
});

test('a run of identical blocks among others is folded, from the first to the last of them', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  let at = x;
  const net = made.scope('net', 'Sequential');
  for (let i = 0; i < 5; i++) {
    const block = made.scope(`net.${i}`, 'Block', net);
    at = made.node('Relu', [made.node('MatMul', [at, made.weight(`w${i}`, [8, i ? 8 : 4], block)], { scope: block })], { scope: block });
  }
  made.outputs.push(at);
  const graph = made.graph();
  const { tree, totals } = drawn(graph);
  const inside = [...membersOf(tree, tree.itemOfScope[net]!)];
  expect(inside.map((item) => labelOf(graph, tree, totals, item, 'ops').title)).toEqual(['0', '1 … 4']);
  expect(tree.repeats[inside[1]!]).toBe(4);
});

test('a scope with a single member is that member, under the name of the scope', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const conv = made.scope('conv', 'Conv2d');
  made.outputs.push(made.node('Relu', [made.node('aten::conv2d', [x, made.weight('conv.weight', [8, 8, 3, 3], conv)], { scope: conv })]));
  const graph = made.graph();
  const { tree, totals } = drawn(graph);
  expect(tree.itemOfScope[conv]).toBe(0);
  expect(labelOf(graph, tree, totals, 0, 'ops')).toEqual({ title: 'Conv2d', subtitle: 'conv · 8×8×3×3', family: 'linear' });
});

test('totals count a shared tensor once', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const [a, b] = [made.scope('a', 'A'), made.scope('b', 'B')];
  const weight = made.weight('w', [8, 8]);
  const first = made.node('MatMul', [x, weight], { scope: a, flops: 100 });
  made.outputs.push(made.node('MatMul', [first, weight], { scope: b, flops: 50 }));
  const { tree, totals } = drawn(made.graph());
  expect(totals.parameters[tree.root]).toBe(64);
  expect(totals.flops[tree.root]).toBe(150);
  expect(totals.bytes[tree.root]).toBe(256);
});

test.each(['down', 'right'] as const)('everything open, drawn %s: boxes are within their groups and beside one another', (direction) => {
  const { scene } = drawn(transformer(4, true).graph(), 'all', direction);
  const boxes = boxesOf(scene);
  expect(boxes.filter((box) => box.kind === OPEN).length).toBe(1 + 4 * 3);
  for (const box of boxes) {
    const outer = box.parent < 0 ? { x: 0, y: 0, w: scene.width, h: scene.height } : boxes[box.parent]!;
    expect(box.x).toBeGreaterThanOrEqual(outer.x - 0.01);
    expect(box.y).toBeGreaterThanOrEqual(outer.y - 0.01);
    expect(box.x + box.w).toBeLessThanOrEqual(outer.x + outer.w + 0.01);
    expect(box.y + box.h).toBeLessThanOrEqual(outer.y + outer.h + 0.01);
  }
  for (const parent of new Set(boxes.map((box) => box.parent))) expect(overlaps(boxes.filter((box) => box.parent === parent))).toBe(0);
});

test.each(['down', 'right'] as const)('every line, drawn %s, begins and ends at a border', (direction) => {
  const { scene } = drawn(transformer(3, true).graph(), 'all', direction);
  const boxes = boxesOf(scene);
  const along = direction === 'down' ? (box: (typeof boxes)[number]) => [box.y, box.y + box.h] : (box: (typeof boxes)[number]) => [box.x, box.x + box.w];
  const borders = boxes.flatMap(along);
  scene.cornerEnds.forEach((end, l) => {
    const first = l ? scene.cornerEnds[l - 1]! : 0;
    for (const corner of [first, end - 1]) {
      const at = scene.corners[2 * corner + (direction === 'down' ? 1 : 0)]!;
      expect(Math.min(...borders.map((border) => Math.abs(border - at)))).toBeLessThan(0.02);
    }
  });
});

test('where a line enters an open group the next begins', () => {
  const { scene } = drawn(transformer(2).graph(), 'all');
  const ends = new Set<string>();
  const point = (corner: number) => `${scene.corners[2 * corner]!.toFixed(1)} ${scene.corners[2 * corner + 1]!.toFixed(1)}`;
  const spans = [...scene.cornerEnds].map((end, l) => [l ? scene.cornerEnds[l - 1]! : 0, end - 1] as const);
  for (const [, last] of spans) ends.add(point(last));
  const borders = spans.filter(([first], l) => !boxesOf(scene).some((box) => box.id === scene.source[l] && Math.abs(box.y + box.h - scene.corners[2 * first + 1]!) < 0.02));
  expect(borders.length).toBeGreaterThan(4);
  for (const [first] of borders) expect(ends).toContain(point(first));
});

test('what feeds many boxes far away is told by labels', () => {
  const { scene, seen } = drawn(transformer(12, true).graph(), 'all');
  const mask = seen.firstInput + 1;
  const box = [...scene.id].indexOf(mask);
  expect(scene.toldOut[box]).toBeGreaterThanOrEqual(11);
  expect([...scene.toldIn].filter((id) => id === mask).length).toBe(scene.toldOut[box]);
});

test('identical blocks are laid out once', () => {
  const few = drawn(transformer(3).graph(), 'all').memo.solved;
  expect(drawn(transformer(30).graph(), 'all').memo.solved).toBe(few);
});

test('another state of the view lays out only what changed', () => {
  const graph = transformer(12).graph();
  const { memo, tree } = drawn(graph, 'all');
  const before = memo.solved;
  const groups = Array.from({ length: tree.nItems }, (_, item) => item).filter((item) => isGroup(tree, item));
  drawn(graph, groups.filter((item) => item !== tree.itemOfScope[3 + 2]), 'down', false, memo);
  expect(memo.solved - before).toBeLessThanOrEqual(3);
});

test('flat shows every operation and no group', () => {
  const made = transformer(5);
  const { scene } = drawn(made.graph(), [], 'down', true);
  expect(scene.id.length).toBe(made.nNodes + 2);
});

test('a file of weights alone is a tree of its tensors', () => {
  const made = new Maker();
  const layer = made.scope('layer', '');
  for (const name of ['a', 'b', 'c']) made.weight(`layer.${name}`, [4, 4], layer);
  const graph = made.graph();
  const { tree, totals, scene } = drawn(graph, 'all');
  expect(tree.hasTensorLeaves).toBe(true);
  expect(totals.parameters[tree.root]).toBe(48);
  expect([...scene.id].filter((id) => id < tree.nLeaves).map((item) => labelOf(graph, tree, totals, item, 'ops').title)).toEqual(['a', 'b', 'c']);
});

test('a node with a body is a group that holds it', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const out = made.node('If', [x]);
  for (const branch of ['then', 'else']) {
    const body = made.scope(branch, '', 0, 0);
    made.node('Neg', [made.node('Abs', [x], { scope: body })], { scope: body });
  }
  made.outputs.push(made.node('Relu', [out]));
  const { tree, seen, scene } = drawn(made.graph(), 'all');
  expect(membersOf(tree, 0).length).toBe(2);
  expect(seen.open).toContain(0);
  expect(scene.id.length).toBe(10);
});

test('what leads back into an open group is told by labels', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const net = made.scope('net', 'Net');
  const first = made.node('Conv', [x], { scope: net });
  const outside = made.node('Relu', [first]);
  made.outputs.push(made.node('Conv', [outside], { scope: net }));
  const graph = made.graph();
  const { scene, seen } = drawn(graph, 'all');
  expect([...scene.isBack]).not.toContain(1);
  expect([...scene.toldIn]).toEqual([1]);
  expect([...seen.isTold].filter(Boolean).length).toBe(1);
  // Closed, the group has an edge back.
  expect([...drawn(graph).scene.isBack]).toContain(1);
});

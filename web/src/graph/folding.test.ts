import { expect, test } from 'vitest';
import { blockRuns } from './blocks';
import { Engine, firstGroups } from './engine';
import { BLOCK, buildHierarchy, membersOf, SIZES, totalsOf } from './hierarchy';
import { labelOf } from './labels';
import { link } from './links';
import { sizeUsers } from './sizes';
import { Maker } from './testing';

const noEdges = { from: new Int32Array(0), to: new Int32Array(0) };
/** One key for each letter. */
const keys = (text: string) => Float64Array.from(text, (letter) => letter.charCodeAt(0));
const runs = (text: string, edges = noEdges) => blockRuns(keys(text), edges).map(({ from, size, times }) => `${times} × ${text.slice(from, from + size)} at ${from}`);

/** Each letter feeds the next. */
function chain(n: number, more: [number, number][] = []) {
  const pairs = [...Array.from({ length: n - 1 }, (_, i) => [i, i + 1] as const), ...more];
  return { from: Int32Array.from(pairs, ([from]) => from), to: Int32Array.from(pairs, ([, to]) => to) };
}

test.each([
  ['xyabcabcabcabcz', ['4 × abc at 2']],
  ['ababab', ['3 × ab at 0']],
  ['abab', []],
  ['aaaaaa', []],
  ['abcdefgh', []],
  ['', []],
  ['ababababxcdcdcdcd', ['4 × ab at 0', '4 × cd at 9']],
])('runs in %j are %j', (text, expected) => {
  expect(runs(text)).toEqual(expected);
});

test('the longest run wins, of those the shortest block', () => {
  // "aab" is in it four times; "a a" and "aabaab" are not better.
  expect(runs('aabaabaabaab')).toEqual(['4 × aab at 0']);
});

test('blocks begin where the fewest connections cross', () => {
  // There is room for four blocks at three places; only between c and a is there a single connection, as a feeds b and c.
  const text = 'cabcabcabcabca';
  const more: [number, number][] = [];
  for (let at = 1; at + 2 < text.length; at += 3) more.push([at, at + 2]);
  expect(runs(text, chain(text.length, more))).toEqual(['4 × abc at 1']);
});

test('blocks that are connected otherwise are not folded with the rest', () => {
  const text = 'abcabcabcabcabc';
  // In the second block a feeds c, too.
  expect(runs(text, chain(text.length, [[3, 5]]))).toEqual(['3 × abc at 6']);
});

test('a hundred thousand operations are searched in bounded time', () => {
  let state = 1;
  const row = Float64Array.from({ length: 100_000 }, () => (state = (state * 48271) % 2147483647) % 7);
  expect(blockRuns(row, noEdges).length).toBeLessThanOrEqual(40);
});

/** Convolution, normalisation and activation, `times` over, without scopes. */
function flat(times: number): Maker {
  const made = new Maker();
  let x = made.value('image', [1, 8, 16, 16]);
  made.inputs.push(x);
  const shape = [1, 8, 16, 16];
  x = made.node('Conv', [x, made.weight('stem', [8, 8, 7, 7])], { shape });
  for (let block = 0; block < times; block++) {
    const begun = x;
    x = made.node('Conv', [x, made.weight(`w${block}`, [8, 8, 3, 3])], { shape });
    x = made.node('BatchNormalization', [x, made.weight(`n${block}`, [8])], { shape });
    x = made.node('Relu', [made.node('Add', [x, begun], { shape })], { shape });
  }
  made.outputs.push(made.node('Softmax', [x], { shape }));
  return made;
}

test('blocks of a flat graph become one box', () => {
  const graph = flat(8).graph();
  const tree = buildHierarchy(graph, link(graph));
  const totals = totalsOf(graph, tree);
  const top = [...membersOf(tree, tree.root)];
  expect(top.map((item) => labelOf(graph, tree, totals, item, 'ops').title)).toEqual(['Conv', 'Conv … Relu', 'Softmax']);
  expect(tree.repeats[top[1]!]).toBe(8);
  const [first] = membersOf(tree, top[1]!);
  expect(tree.made[first!]).toBe(BLOCK);
  expect(labelOf(graph, tree, totals, top[1]!, 'ops').subtitle).toBe('32 ops');
  expect([...membersOf(tree, first!)].map((node) => graph.text(graph.nodeOp[node]!))).toEqual(['Conv', 'BatchNormalization', 'Add', 'Relu']);
});

test('a small flat graph is shown as it is', () => {
  const graph = flat(4).graph();
  const tree = buildHierarchy(graph, link(graph));
  expect(membersOf(tree, tree.root).length).toBe(18);
});

/** A Reshape whose sizes come from Shape, Gather, Mul, Unsqueeze and Concat, and whose scale comes from a size. */
function reshaped() {
  const made = new Maker();
  const x = made.value('x', ['n', 'm', 8]);
  made.inputs.push(x);
  const axis = made.weight('axis', []);
  const sizes = made.node('Shape', [x], { shape: [3] });
  const n = made.node('Gather', [sizes, axis], { shape: [] });
  const width = made.node('Gather', [sizes, axis], { shape: [] });
  const half = made.node('Div', [width, made.weight('two', [])], { shape: [] });
  const to = made.node('Concat', [made.node('Unsqueeze', [n, axis], { shape: [1] }), made.node('Unsqueeze', [half, axis], { shape: [1] })], { shape: [2] });
  const y = made.node('Reshape', [x, to], { shape: ['n', 'h'] });
  const scale = made.node('Sqrt', [made.node('Cast', [half], { shape: [] })], { shape: [] });
  const z = made.node('Div', [y, scale], { shape: ['n', 'h'] });
  made.outputs.push(made.node('Softmax', [z], { shape: ['n', 'h'] }));
  return made;
}

test('what is computed from shapes alone belongs to its first user', () => {
  const graph = reshaped().graph();
  const op = (node: number) => (node < 0 ? '' : graph.text(graph.nodeOp[node]!));
  expect(Array.from(sizeUsers(graph, link(graph)), op)).toEqual(['Reshape', 'Reshape', 'Reshape', 'Reshape', 'Reshape', 'Reshape', 'Reshape', '', 'Div', 'Div', '', '']);
});

test('shape arithmetic is one closed box, and can be opened', () => {
  const engine = new Engine(reshaped().pack());
  const { tree, totals } = engine.base(false);
  const top = [...membersOf(tree, tree.root)];
  expect(top.map((item) => labelOf(engine.graph, tree, totals, item, 'ops').title)).toEqual(['Shape', 'Reshape', 'Shape', 'Div', 'Softmax']);
  expect(top.map((item) => tree.made[item])).toEqual([SIZES, 0, SIZES, 0, 0]);
  expect(firstGroups(tree)).toEqual([]);
  const opened = engine.draw({ isFlat: false, expanded: [top[0]!], direction: 'down', word: 'ops' });
  expect(opened.scene.id.length).toBe(1 + 5 + 7 + 1);
  expect(engine.draw({ isFlat: true, expanded: null, direction: 'down', word: 'ops' }).scene.id.length).toBe(12 + 2);
});

test('a shape that the network returns, and one that mixes with data, stay outside', () => {
  const made = new Maker();
  const x = made.value('x', ['n', 8]);
  made.inputs.push(x);
  const shape = made.node('Shape', [x], { shape: [2] });
  const sum = made.node('Add', [shape, made.node('ReduceSum', [x], { shape: [2] })], { shape: [2] });
  made.outputs.push(made.node('Gather', [shape, made.weight('axis', [])], { shape: [] }), sum);
  const graph = made.graph();
  expect([...sizeUsers(graph, link(graph))]).toEqual([2, -1, -1, -1]);
});

test('a scope without a class around everything is no box', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const scope = made.scope('gpu_0', '');
  made.outputs.push(made.node('Relu', [made.node('Conv', [x], { scope })], { scope }));
  const graph = made.graph();
  const tree = buildHierarchy(graph, link(graph));
  expect(membersOf(tree, tree.root).length).toBe(2);
});

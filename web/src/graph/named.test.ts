import { expect, test } from 'vitest';
import { buildHierarchy } from './hierarchy';
import { link } from './links';
import { numbersOf, readNodeData, strangerIn, wordsOf } from './named';
import { itemOfLayer } from './search';
import { Maker } from './testing';

/** block { inner { first, second }, third }, fourth. */
function nested() {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const block = made.scope('block', 'Block');
  const inner = made.scope('block.inner', 'Inner', block);
  const a = made.node('Relu', [x], { name: 'first', scope: inner });
  const b = made.node('Abs', [a], { name: 'second', scope: inner });
  const c = made.node('Neg', [b], { name: 'third', scope: block });
  made.outputs.push(made.node('Exp', [c], { name: 'fourth' }));
  const graph = made.graph();
  const tree = buildHierarchy(graph, link(graph));
  const [outer, within] = [itemOfLayer(graph, tree, 'block'), itemOfLayer(graph, tree, 'block.inner')];
  return { graph, tree, items: [0, 1, 2, 3, within, outer] };
}

test('a group without a number of its own has the mean of what is inside', () => {
  const { graph, tree, items } = nested();
  const numbers = numbersOf(graph, tree, new Map([['first', 2], ['second', 4], ['third', 9]]));
  expect(items.map((item) => numbers[item])).toEqual([2, 4, 9, NaN, 3, 6]);
  const own = numbersOf(graph, tree, new Map([['first', 2], ['block', -1]]));
  expect(items.map((item) => own[item])).toEqual([2, NaN, NaN, NaN, 2, -1]);
});

test('a module of a single operation, which is drawn as that, can be named', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  made.outputs.push(made.node('Relu', [made.node('Gather', [x], { name: '/embed/Gather', scope: made.scope('embed', '') })]));
  const graph = made.graph();
  expect(numbersOf(graph, buildHierarchy(graph, link(graph)), new Map([['embed', 3]]))[0]).toBe(3);
});

test('the word of a module holds for what is inside, and a group shows the parts of its words', () => {
  const { graph, tree, items } = nested();
  const words = wordsOf(graph, tree, new Map([['block', 'gpu'], ['third', 'cpu'], ['fourth', 'cpu']]));
  expect(words.all).toEqual(['cpu', 'gpu']);
  expect(items.map((item) => words.all[words.of[item]!])).toEqual(['gpu', 'gpu', 'cpu', 'cpu', 'gpu', 'gpu']);
  expect(words.mix(items[5]!)).toEqual([[0, 1 / 3], [1, 2 / 3]]);
});

test.each([
  [{ a: 1, b: 'x', c: null, d: true }, { file: { a: 1, b: 'x', d: 'true' } }],
  [{ time: { a: 1 }, device: { a: 'cpu' } }, { time: { a: 1 }, device: { a: 'cpu' } }],
  [{}, null],
  [[1], null],
  [{ a: [1] }, null],
  [{ format: 'layers-model', modelTopology: { node: [] } }, null],
])('%j is read as %j', (json, data) => {
  expect(readNodeData(json, 'file')).toEqual(data);
});

test('data of another model names the stranger', () => {
  const { graph } = nested();
  expect(strangerIn(graph, { time: { conv: 1, dense: 2 } })).toBe('conv');
  expect(strangerIn(graph, { time: { conv: 1, block: 2 } })).toBe('');
});

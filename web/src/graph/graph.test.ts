import { expect, test } from 'vitest';
import { fitArea, firstView, kept, revealed, zoomAt } from './draw/camera';
import { SvgPen } from './draw/svg';
import { Engine, firstGroups, groupsOf } from './engine';
import { buildHierarchy, totalsOf } from './hierarchy';
import { Heap, link } from './links';
import { mentionOf } from './labels';
import { fitText, textWidth } from './measure';
import { familyOf } from './ops';
import { elementBytes, shapeText, sizeOf, unpack } from './pack';
import { itemOfLayer, layerOf, matcher, search } from './search';
import { rowsOf, sorted, toCsv, toMarkdown } from './table';
import { Maker, transformer } from './testing';
import { between, neighbours, reach } from './trails';

test('a pack reads as what was packed', () => {
  const made = new Maker();
  const x = made.value('image', [1, 3, 'height', null]);
  made.inputs.push(x);
  made.outputs.push(made.node('Conv', [x, made.weight('w', [8, 3, 3, 3])], { name: 'first', attributes: { strides: [2, 2] }, flops: 12 }));
  const graph = made.graph();
  expect(graph.about.name).toBe('made');
  expect(graph.text(graph.nodeOp[0]!)).toBe('Conv');
  expect(graph.attributesOf(0)).toEqual({ strides: [2, 2] });
  expect(shapeText(graph.shape(graph.valueShape[x]!))).toBe('1×3×height×?');
  expect([...graph.inputsOf(0)]).toEqual([0, 1]);
  expect(graph.nodeFlops[0]).toBe(12);
});

test('a list refers to a node by its name, with the module around a number, or by its operation', () => {
  const made = new Maker();
  let x = made.value('x', [1]);
  made.inputs.push(x);
  for (const name of ['heads.0', 'stem', '', '7']) x = made.node('Relu', [x], { name });
  made.outputs.push(x);
  const graph = made.graph();
  const tree = buildHierarchy(graph, link(graph));
  expect([0, 1, 2, 3].map((node) => mentionOf(graph, tree, node))).toEqual(['heads.0', 'stem', 'Relu', 'Relu 7']);
});

test('a pack of another version is refused by name', () => {
  expect(() => unpack(new Maker().pack('graph 2'))).toThrow('expected a graph of version "graph 1", got "graph 2"');
});

test('shapes and types have sizes', () => {
  expect([shapeText([]), shapeText(null), sizeOf([2, 3]), sizeOf([2, 'n'])]).toEqual(['scalar', '?', 6, NaN]);
  expect(['float32', 'bfloat16', 'int8', 'float8_e4m3', 'int4', 'odd'].map(elementBytes)).toEqual([4, 2, 1, 1, 0.5, 4]);
});

test.each([
  ['Conv', 'linear'],
  ['aten::conv2d', 'linear'],
  ['aten::native_layer_norm', 'normalise'],
  ['BatchNormalization', 'normalise'],
  ['LeakyRelu', 'activate'],
  ['aten::_softmax', 'activate'],
  ['GlobalAveragePool', 'pool'],
  ['aten::add.Tensor', 'arithmetic'],
  ['ReduceMean', 'reduce'],
  ['Unsqueeze', 'shape'],
  ['Gather', 'select'],
  ['LSTM', 'recurrent'],
  ['aten::scaled_dot_product_attention', 'attention'],
  ['DequantizeLinear', 'quantise'],
  ['If', 'control'],
  ['CONV_2D', 'linear'],
  ['FULLY_CONNECTED', 'linear'],
  ['Frobnicate', 'other'],
])('%s is of the kind %s', (op, family) => {
  expect(familyOf(op)).toBe(family);
});

test('the heap gives the smallest first', () => {
  const heap = new Heap();
  for (const item of [5, 1, 4, 1, 9, 0, 3]) heap.push(item);
  expect(Array.from({ length: 8 }, () => heap.pop())).toEqual([0, 1, 1, 3, 4, 5, 9, -1]);
});

test('nodes that stand in any order are put in one of execution', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const late = made.value('late');
  made.outputs.push(made.node('Relu', [late], { name: 'second' }));
  const early = made.node('Abs', [x], { name: 'first' });
  // The value that the first row needs is that of the second.
  const graph = made.graph();
  graph.nodeInputs[0] = early;
  expect([...link(graph).order]).toEqual([1, 0]);
});

test('a loop among nodes is entered at its first', () => {
  const made = new Maker();
  const back = made.value('back');
  const a = made.node('Merge', [back]);
  const b = made.node('Next', [a]);
  const graph = made.graph();
  graph.nodeInputs[0] = b;
  expect([...link(graph).order]).toEqual([0, 1]);
});

test('constants are not drawn, unless the network returns one', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const shape = made.node('Constant', []);
  made.outputs.push(made.node('Reshape', [x, made.node('ConstantOfShape', [shape])]), made.node('Constant', []));
  expect([...link(made.graph()).isConstant]).toEqual([1, 1, 0, 0]);
});

test('the first picture has few boxes, and what is alike is closed', () => {
  const graph = transformer(12).graph();
  const tree = buildHierarchy(graph, link(graph));
  expect(firstGroups(tree).length).toBeLessThan(groupsOf(tree).length);
  const drawing = new Engine(transformer(12).pack()).draw({ isFlat: false, expanded: null, direction: 'down', word: 'ops' });
  expect(drawing.scene.id.length).toBeLessThan(60);
});

test('words, shapes and expressions are matched', () => {
  expect(matcher('conv 3x3')!('conv kernel 3×3')).toBe(true);
  expect(matcher('1, 64')!('1×64×56')).toBe(true);
  expect(matcher('/^layers\\.[02]/')!('layers.2.mlp')).toBe(true);
  expect(matcher('/^layers\\.[02]/')!('layers.1.mlp')).toBe(false);
  expect(matcher('/[/')).toBe(null);
});

test('search finds names, operations, shapes and attributes', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const block = made.scope('encoder.block', 'Block');
  const first = made.node('Conv', [x, made.weight('kernel', [16, 8, 3, 3])], { name: 'stem', scope: block, attributes: { dilations: [7, 7] } });
  made.outputs.push(made.node('Relu', [first], { scope: block, shape: [1, 99] }));
  const graph = made.graph();
  const tree = buildHierarchy(graph, link(graph));
  const found = (typed: string) => search(graph, tree, typed).map((hit) => hit.kind);
  // Also what takes a value of that name, after it.
  expect(found('stem')).toEqual(['Conv', 'Relu']);
  expect(found('relu')).toEqual(['Relu']);
  expect(found('block')).toContain('Block');
  expect(found('16x8')).toEqual(['Conv']);
  expect(found('1×99')).toEqual(['Relu']);
  expect(found('dilations')).toEqual(['Conv']);
  expect(found('nothing here')).toEqual([]);
  expect(found('')).toEqual([]);
});

test('a layer is the same here and in other views, and later calls are the same layer', () => {
  const made = new Maker();
  const x = made.value('x');
  made.inputs.push(x);
  const block = made.scope('block', 'Block');
  const again = made.scope('block (call 2)', 'Block');
  let at = x;
  for (const [scope, path] of [[block, 'block'], [again, 'block (call 2)']] as const) for (const name of ['fc', 'relu']) at = made.node(name === 'fc' ? 'Linear' : 'relu', [at], { scope, name: `${path}.${name}` });
  made.outputs.push(at);
  const graph = made.graph();
  const tree = buildHierarchy(graph, link(graph));
  expect(layerOf(graph, tree, tree.itemOfScope[again]!)).toBe('block');
  expect(layerOf(graph, tree, 2)).toBe('block.fc');
  expect(itemOfLayer(graph, tree, 'block.fc')).toBe(0);
  expect(itemOfLayer(graph, tree, 'block')).toBe(tree.itemOfScope[block]);
  expect(itemOfLayer(graph, tree, 'head')).toBe(-1);
});

test('trails follow the edges', () => {
  // 0 -> 1 -> 3, 0 -> 2 -> 3, 4 alone
  const seen = { from: Int32Array.of(0, 1, 0, 2), to: Int32Array.of(1, 3, 2, 3), nIds: 5 };
  expect([...reach(seen, 3, true)].sort()).toEqual([0, 1, 2, 3]);
  expect([...reach(seen, 1, false)].sort()).toEqual([1, 3]);
  expect([...between(seen, 3, 0)].sort()).toEqual([0, 1, 2, 3]);
  expect([...between(seen, 1, 2)].sort()).toEqual([1, 2]);
  expect(neighbours(seen, 0, false)).toEqual([1, 2]);
});

test('the table has totals, an order and copies', () => {
  const graph = transformer(2).graph();
  const tree = buildHierarchy(graph, link(graph));
  const totals = totalsOf(graph, tree);
  const rows = rowsOf(graph, tree, totals, false);
  expect(rows.every((row) => !row.isGroup)).toBe(true);
  expect(rows.reduce((sum, row) => sum + row.parameters, 0)).toBe(totals.parameters[tree.root]);
  const byFlops = sorted(rows, 'flops', true);
  expect(byFlops[0]!.flops).toBe(2 * 16 * 64 * 64);
  expect(byFlops.at(-1)!.flops).toBe(NaN);
  expect(rowsOf(graph, tree, totals, true).filter((row) => row.isGroup).map((row) => row.name)).toContain('layers.0.attention');
  expect(toCsv(rows).split('\n')[0]).toBe('name,op,output,parameters,FLOPs');
  expect(toCsv([{ ...rows[0]!, name: 'a,"b"' }])).toContain('"a,""b"""');
  expect(toMarkdown([{ ...rows[0]!, name: 'a|b' }]).split('\n')[2]).toContain('a\\|b');
});

test('texts are cut in their middle', () => {
  expect(fitText('short', 100, 12)).toBe('short');
  const cut = fitText('encoder.layers.0.attention.output', 80, 12);
  expect(cut).toMatch(/^enc.*….*t$/);
  expect(textWidth(cut, 12)).toBeLessThanOrEqual(80);
  expect(textWidth('注意力', 10)).toBeGreaterThan(textWidth('abc', 10));
});

test('a zoom keeps the point under the pointer', () => {
  const before = { x: 10, y: 20, scale: 1 };
  const after = zoomAt(before, 2, 100, 50, 0.1);
  expect([after.x + 100 / after.scale, after.y + 50 / after.scale]).toEqual([110, 70]);
  expect(zoomAt(before, 1e9, 0, 0, 0.1).scale).toBeLessThanOrEqual(4);
  expect(zoomAt(before, 1e-9, 0, 0, 0.1).scale).toBe(0.1);
});

test('cameras fit, reveal and do not lose the drawing', () => {
  const camera = fitArea({ x: 0, y: 0, w: 1000, h: 500 }, 556, 556, 1);
  expect(camera.scale).toBe(0.5);
  expect(revealed(camera, { x: 400, y: 200, w: 50, h: 20 }, 556, 556)).toEqual(camera);
  expect(revealed({ x: 0, y: 0, scale: 1 }, { x: 5000, y: 10, w: 50, h: 20 }, 500, 400).x).toBe(5025 - 250);
  const lost = kept({ x: 1e6, y: -1e6, scale: 1 }, { width: 1000, height: 1000 }, 400, 400);
  expect(lost.x).toBeLessThan(1000);
  expect(lost.y).toBeGreaterThan(-400);
});

test('what cannot be read whole is first seen from its beginning', () => {
  const { scene } = new Engine(transformer(40).pack()).draw({ isFlat: true, expanded: null, direction: 'down', word: 'ops' });
  const camera = firstView(scene, 800, 600);
  expect(camera.scale).toBeGreaterThan(0.52);
  expect(camera.y).toBeLessThan(0);
});

test('SVG has paths and texts, escaped', () => {
  const pen = new SvgPen();
  pen.font = '600 12px sans';
  pen.fillStyle = '#123456';
  pen.fillText('a < b & "c"', 1, 2.005);
  pen.beginPath();
  pen.moveTo(0, 0);
  pen.lineTo(1, 1);
  pen.stroke();
  const svg = pen.svg(0, 0, 10, 10, 'sans');
  expect(svg).toContain('a &lt; b &amp; &quot;c&quot;</text>');
  expect(svg).toContain('font-weight="600"');
  expect(svg).toContain('<path d="M0 0L1 1" fill="none"');
  expect(new DOMParser().parseFromString(svg, 'image/svg+xml').querySelector('parsererror')).toBe(null);
});

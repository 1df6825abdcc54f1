import { describe, expect, it } from 'vitest';
import type { Column, Tensors } from '../../api/safetensors';
import { buildHierarchy } from '../../graph/hierarchy';
import { link } from '../../graph/links';
import { Maker } from '../../graph/testing';
import { differencesOf, largestOf, listed, rowsOf } from './differences';
import { ModelComparison } from './modelComparison';

/** Before: conv, norm, relu. After: conv with other weights, gelu in place of relu, and a new add. */
function sent(): Tensors {
  const doubles = (...numbers: number[]) => new Float64Array(numbers);
  const columns: Record<string, Column> = {
    node_a: new Int32Array([0, 1, 2, -1]),
    node_b: new Int32Array([0, -1, 1, 2]),
    node_changes: new Uint8Array([64, 0, 1, 0]),
    tensor_a: new Int32Array([0]),
    tensor_b: new Int32Array([0]),
    tensor_changes: new Uint8Array([64]),
    relative: doubles(0.25),
    largest: doubles(3),
    cosine: doubles(0.9),
    differing: doubles(7),
  };
  const tensors = Object.fromEntries(Object.entries(columns).map(([name, data]) => [name, { dtype: '', shape: [data.length], data }]));
  return { tensors, metadata: { reply: JSON.stringify({ summary: { nodes: {} }, notes: [{ pair: 0, axes: [1, 0], problem: '' }] }) } };
}

function graph(ops: readonly string[]) {
  const maker = new Maker();
  let value = maker.value('x');
  maker.inputs.push(value);
  const weight = maker.weight('conv.weight', [8, 8]);
  ops.forEach((op, i) => (value = maker.node(op, i ? [value] : [value, weight], { name: op.toLowerCase() })));
  maker.outputs.push(value);
  return maker.graph();
}

describe('a comparison', () => {
  const [before, after] = [graph(['Conv', 'Norm', 'Relu']), graph(['Conv', 'Gelu', 'Add'])];

  it('is seen from either side', () => {
    const [one, other] = [new ModelComparison(sent(), false, true), new ModelComparison(sent(), true, true)];
    expect([0, 1, 2].map((node) => one.difference(node, false))).toEqual(['moved', 'changed', 'added']);
    expect([0, 1, 2].map((node) => other.difference(node, false))).toEqual(['moved', 'removed', 'changed']);
    expect(one.ofNode(1)).toEqual({ own: 1, other: 2, difference: 'changed', changes: ['op'] });
    expect(other.ofNode(2)).toEqual({ own: 2, other: 1, difference: 'changed', changes: ['op'] });
    expect(one.ofTensor(0)).toMatchObject({ relative: 0.25, largest: 3, differing: 7, axes: [1, 0] });
    expect(one.ofTensor(9)).toBeNull();
  });

  it('lists what differs, also what only the other model has', () => {
    const found = new ModelComparison(sent(), false, true);
    const tree = buildHierarchy(after, link(after));
    const rows = rowsOf(found, after, before, tree);
    expect(rows.map((row) => `${row.difference} ${row.name}`)).toEqual(['moved conv', 'removed norm', 'changed gelu', 'added add']);
    expect(rows[0]!.relative).toBe(0.25);
    expect(listed(rows, 'gelu', false).map((row) => row.name)).toEqual(['gelu']);
    expect(listed([...rows].reverse(), '', true)[0]!.name).toBe('conv');
  });

  it('is summed up for groups', () => {
    const found = new ModelComparison(sent(), false, true);
    const tree = buildHierarchy(after, link(after));
    expect(Object.fromEntries(differencesOf(found, tree, tree.root))).toEqual({ moved: 1, changed: 1, added: 1 });
    expect(largestOf(found, after, tree, tree.root)).toBe(0.25);
    expect(largestOf(found, after, tree, 1)).toBeNaN();
  });
});

import { describe, expect, test } from 'vitest';
import { flatRows, foldedRows, groupsOf, layerFilter, placeLabels, readOpen, writeOpen } from './rows';

const tensor = (layer: string) => ({ layer, tensor: 'weight', quantity: 'value' as const, stats: [], histogram: false });
const block = (path: string, parts: string[]) => parts.map((part) => `${path}.${part}`);
const LAYERS = ['embed', ...[0, 1, 2].flatMap((i) => block(`encoder.layers.${i}`, ['attn.q', 'attn.k', 'up'])), 'encoder.norm', 'head'];
const tensors = LAYERS.map(tensor);
const types = new Map(LAYERS.map((layer) => [layer, layer.endsWith('norm') ? 'LayerNorm' : 'Linear']));
const names = (open: string[]) => foldedRows(tensors, types, new Set(open)).map((row) => `${'  '.repeat(row.depth)}${row.name}`);

describe('folding', () => {
  test('repeated blocks are one row of all their tensors', () => {
    expect(names([])).toEqual(['embed', 'encoder.layers 0–2', 'encoder.norm', 'head']);
    expect(foldedRows(tensors, types, new Set())[1]).toMatchObject({ members: [1, 2, 3, 4, 5, 6, 7, 8, 9], isOpen: false });
  });

  test('an unfolded row shows its blocks, and an unfolded block its layers', () => {
    expect(names(['encoder.layers 0–2', 'encoder.layers.1'])).toEqual([
      'embed', 'encoder.layers 0–2', '  0', '  1', '    attn.q', '    attn.k', '    up', '  2', 'encoder.norm', 'head',
    ]);
  });

  test('a block with one more layer is folded with the others, one with different layers is not', () => {
    const layers = [...block('stage.0', ['conv1', 'conv2', 'shortcut']), ...block('stage.1', ['conv1', 'conv2']), ...block('stage.2', ['pool'])];
    expect(foldedRows(layers.map(tensor), new Map(), new Set()).map((row) => row.name)).toEqual(['stage 0–1', 'stage.2.pool']);
  });

  test('three layers of a plain network are not folded, a thousand are', () => {
    const plain = (n: number) => foldedRows(Array.from({ length: n }, (_, i) => tensor(String(i))), new Map(), new Set()).map((row) => row.name);
    expect(plain(3)).toEqual(['0', '1', '2']);
    expect(plain(1000)).toEqual(['0–999']);
    expect(foldedRows(['b08', 'b09', 'b10', 'b11'].map(tensor), new Map(), new Set()).map((row) => row.name)).toEqual(['b 08–11']);
  });

  test('a block of one tensor needs no unfolding', () => {
    const some = [0, 1].map((i) => tensor(`h.${i}.act`));
    expect(foldedRows(some, new Map(), new Set(['h 0–1'])).map((row) => row.name)).toEqual(['h 0–1', '0.act', '1.act']);
  });

  test('layers that skip a number stay separate', () => {
    expect(foldedRows(['0', '2', '4', '6', '8'].map(tensor), new Map(), new Set()).length).toBe(5);
  });

  test('the group rows that hide a layer are found', () => {
    expect(groupsOf(tensors, types, 'encoder.layers.2.up')).toEqual(['encoder.layers 0–2', 'encoder.layers.2']);
    expect(groupsOf(tensors, types, 'head')).toEqual([]);
  });
});

describe('search', () => {
  const find = (text: string) => {
    const filter = layerFilter(text, types);
    return filter && tensors.filter(filter).map((one) => one.layer);
  };
  test('all words are found, anywhere in the name or the class', () => {
    expect(find('LAYERS.1 q')).toEqual(['encoder.layers.1.attn.q']);
    expect(find('layernorm')).toEqual(['encoder.norm']);
    expect(find('(')).toEqual([]);
  });
  test('a regular expression between slashes matches the path', () => {
    expect(find('/layers\\.[02]\\.up$/')).toEqual(['encoder.layers.0.up', 'encoder.layers.2.up']);
    expect(find('/(/')).toBeNull();
  });
});

describe('labels', () => {
  test('every row has a label if there is room', () => {
    expect(placeLabels(3, 20, 14, () => 0)).toEqual([[0, 10], [1, 30], [2, 50]]); // prettier-ignore
  });
  test('labels of thin rows never overlap, and those of high rank come first', () => {
    const placed = placeLabels(300, 2, 14, (row) => (row === 155 ? 2 : row === 150 ? 1 : 0));
    expect(placed.map(([row]) => row)).toContain(155);
    expect(placed.map(([row]) => row)).not.toContain(150);
    const gaps = placed.slice(1).map(([, y], i) => y - placed[i]![1]);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(14);
    expect(placed.length).toBeGreaterThan(30);
    expect([placed[0]![1], placed.at(-1)![1]].every((y) => y >= 7 && y <= 593)).toBe(true);
  });
});

test('without folding, each row is a tensor', () => {
  expect(flatRows(tensors).map((row) => row.name)).toEqual(LAYERS);
});

test('unfolded rows survive the address, whatever their names', () => {
  const ids = ['encoder.layers 0–11', 'a,b', 'c~d', 'e~.f'];
  expect([...readOpen(writeOpen(ids))]).toEqual(ids);
  expect([...readOpen('')]).toEqual([]);
});

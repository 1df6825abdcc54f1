import { expect, test } from 'vitest';
import { column, parse } from './safetensors';

/** A file with a header of any length, so that alignment can be spoilt. */
function file(header: Record<string, unknown>, data: ArrayBuffer, pad = 0): ArrayBuffer {
  const text = JSON.stringify(header) + ' '.repeat(pad);
  const head = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + head.length + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  bytes.set(new Uint8Array(data), 8 + head.length);
  return bytes.buffer;
}

const VALUES = [1.5, -2, NaN, Infinity];

test.each([0, 1, 2, 3, 4, 5, 6, 7])('numbers survive a header of any length (%i spaces)', (pad) => {
  const buffer = file({ x: { dtype: 'F64', shape: [4], data_offsets: [0, 32] } }, Float64Array.from(VALUES).buffer, pad);
  expect([...column(parse(buffer), 'x', Float64Array)]).toEqual(VALUES);
});

test('aligned tensors are views of the reply', () => {
  const header = { x: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } };
  const buffer = file(header, Float32Array.from(VALUES).buffer, 8 - (JSON.stringify(header).length % 8));
  expect(parse(buffer).tensors['x']!.data.buffer).toBe(buffer);
});

test('all integer types and the metadata are read', () => {
  const data = new Uint8Array([255, 0, 0, 0, 254, 255, 255, 255, 7]);
  const header = {
    __metadata__: { reply: '{"series":[]}' },
    u: { dtype: 'U32', shape: [1], data_offsets: [0, 4] },
    i: { dtype: 'I32', shape: [1], data_offsets: [4, 8] },
    b: { dtype: 'U8', shape: [1], data_offsets: [8, 9] },
  };
  const read = parse(file(header, data.buffer));
  expect(['u', 'i', 'b'].map((name) => read.tensors[name]!.data[0])).toEqual([255, -2, 7]);
  expect(read.metadata['reply']).toBe('{"series":[]}');
});

test('float16 and bfloat16 become floats', () => {
  const data = Uint16Array.from([0x3c00, 0xc000, 0x0001, 0x7c00, 0x3f80, 0xc000]);
  const header = {
    h: { dtype: 'F16', shape: [4], data_offsets: [0, 8] },
    b: { dtype: 'BF16', shape: [2], data_offsets: [8, 12] },
  };
  const read = parse(file(header, data.buffer)).tensors;
  expect([...(read['h']!.data as Float32Array)]).toEqual([1, -2, Math.fround(2 ** -24), Infinity]);
  expect([...(read['b']!.data as Float32Array)]).toEqual([1, -2]);
});

test('a file that is not safetensors is refused', () => {
  expect(() => parse(new ArrayBuffer(3))).toThrow('at least 8 bytes');
  expect(() => parse(new BigUint64Array([1000n]).buffer)).toThrow('1000');
  const outside = file({ x: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } }, new ArrayBuffer(8));
  expect(() => parse(outside)).toThrow('ends outside');
  expect(() => parse(file({ x: { dtype: 'Q4', shape: [], data_offsets: [0, 0] } }, new ArrayBuffer(0)))).toThrow('Q4');
});

test('a missing column is named together with the existing ones', () => {
  const read = parse(file({ y: { dtype: 'F32', shape: [0], data_offsets: [0, 0] } }, new ArrayBuffer(0)));
  expect(() => column(read, 'x', Float64Array)).toThrow(/no tensor x .* has: y/);
});

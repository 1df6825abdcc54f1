/** Safetensors as typed arrays that are views of the reply's bytes, copied only if their alignment requires it. */

import { own } from './own';

export type Column =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array;

export interface Tensor {
  dtype: string;
  shape: number[];
  data: Column;
}

export interface Tensors {
  tensors: Record<string, Tensor>;
  metadata: Record<string, string>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

type View = new (buffer: ArrayBuffer, offset: number, length: number) => Column;

const VIEWS: Record<string, { View: View; size: number }> = {
  F64: { View: Float64Array as View, size: 8 },
  F32: { View: Float32Array as View, size: 4 },
  I64: { View: BigInt64Array as View, size: 8 },
  U64: { View: BigUint64Array as View, size: 8 },
  I32: { View: Int32Array as View, size: 4 },
  U32: { View: Uint32Array as View, size: 4 },
  I16: { View: Int16Array as View, size: 2 },
  U16: { View: Uint16Array as View, size: 2 },
  F16: { View: Uint16Array as View, size: 2 },
  BF16: { View: Uint16Array as View, size: 2 },
  I8: { View: Int8Array as View, size: 1 },
  U8: { View: Uint8Array as View, size: 1 },
  BOOL: { View: Uint8Array as View, size: 1 },
};

/** Read a whole safetensors file; throws if it is not one. */
export function parse(buffer: ArrayBuffer): Tensors {
  if (buffer.byteLength < 8) throw new Error(`a safetensors file has at least 8 bytes, this one ${buffer.byteLength}`);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const start = 8 + length;
  if (start > buffer.byteLength) throw new Error(`the header says ${length} bytes, the file has ${buffer.byteLength}`);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length))) as Record<string, unknown>;
  const tensors: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>;
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors[name] = tensor(buffer, start, name, entry as Entry);
  }
  return { tensors, metadata: (header['__metadata__'] ?? {}) as Record<string, string> };
}

function tensor(buffer: ArrayBuffer, start: number, name: string, entry: Entry): Tensor {
  const kind = own(VIEWS, entry.dtype);
  if (!kind) throw new Error(`tensor ${name} has the unknown type ${entry.dtype}`);
  const [from, to] = entry.data_offsets;
  if (from > to || start + to > buffer.byteLength) throw new Error(`tensor ${name} ends outside of the file`);
  const aligned = (start + from) % kind.size === 0;
  const bytes = aligned ? buffer : buffer.slice(start + from, start + to);
  const raw = new kind.View(bytes, aligned ? start + from : 0, (to - from) / kind.size);
  const data = entry.dtype === 'F16' ? fromHalf(raw) : entry.dtype === 'BF16' ? fromBrain(raw) : raw;
  return { dtype: entry.dtype, shape: entry.shape, data };
}

/** The named tensor, if it has the expected type. */
export function column<T extends Column>(tensors: Tensors, name: string, type: { new (...a: never[]): T }): T {
  const found = tensors.tensors[name]?.data;
  if (found instanceof type) return found;
  throw new Error(`the reply has no tensor ${name} of ${type.name}; it has: ${Object.keys(tensors.tensors).join(', ')}`);
}

function fromBrain(raw: Column): Float32Array {
  const bits = new Uint32Array(raw.length);
  for (let i = 0; i < raw.length; i++) bits[i] = Number(raw[i]) << 16;
  return new Float32Array(bits.buffer);
}

function fromHalf(raw: Column): Float32Array {
  return Float32Array.from({ length: raw.length }, (_, i) => half(Number(raw[i])));
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

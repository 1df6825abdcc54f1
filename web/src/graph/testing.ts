/** Makes packs for tests, like models/pack.py for the page. */
import { unpack, type Dim, type Graph } from './pack';

type Columns = Record<string, Int32Array | Float64Array | Uint8Array>;

export class Maker {
  readonly #texts = new Map<string, number>();
  readonly #nodes: { name: string; op: string; scope: number; attributes: object | null; flops: number; inputs: number[]; outputs: number[]; names: string[] }[] = [];
  readonly #values: { name: string; dtype: string; shape: Dim[] | null; tensor: number }[] = [];
  readonly #scopes: { name: string; kind: string; parent: number; owner: number }[] = [{ name: '', kind: '', parent: -1, owner: -1 }];
  readonly #tensors: { name: string; shape: number[]; scope: number }[] = [];
  readonly inputs: number[] = [];
  readonly outputs: number[] = [];

  scope(name: string, kind: string, parent = 0, owner = -1): number {
    return this.#scopes.push({ name, kind, parent, owner }) - 1;
  }

  value(name: string, shape: Dim[] | null = [1, 8], tensor = -1): number {
    return this.#values.push({ name, dtype: 'float32', shape, tensor }) - 1;
  }

  weight(name: string, shape: number[], scope = 0): number {
    return this.value(name, shape, this.#tensors.push({ name, shape, scope }) - 1);
  }

  /** Index of the value that it computes. */
  node(op: string, inputs: number[], { scope = 0, name = '', shape = [1, 8] as Dim[], attributes = null as object | null, flops = NaN } = {}): number {
    const output = this.value(`${name || op}:${this.#nodes.length}`, shape);
    this.#nodes.push({ name, op, scope, attributes, flops, inputs, outputs: [output], names: [] });
    return output;
  }

  get nNodes(): number {
    return this.#nodes.length;
  }

  graph(): Graph {
    return unpack(this.pack());
  }

  pack(version = 'graph 1'): ArrayBuffer {
    const text = (value: string) => {
      if (!this.#texts.has(value)) this.#texts.set(value, this.#texts.size);
      return this.#texts.get(value)!;
    };
    const ints = (values: readonly number[]) => Int32Array.from(values);
    const ends = (lists: readonly (readonly unknown[])[]) => {
      let end = 0;
      return ints(lists.map((list) => (end += list.length)));
    };
    const [nodes, values, scopes, tensors] = [this.#nodes, this.#values, this.#scopes, this.#tensors];
    const shape = (dims: Dim[] | null) => (dims ? text(JSON.stringify(dims)) : -1);
    const columns: Columns = {
      node_name: ints(nodes.map((node) => text(node.name))),
      node_op: ints(nodes.map((node) => text(node.op))),
      node_scope: ints(nodes.map((node) => node.scope)),
      node_attributes: ints(nodes.map((node) => (node.attributes ? text(JSON.stringify(node.attributes)) : -1))),
      node_flops: Float64Array.from(nodes.map((node) => node.flops)),
      node_input_ends: ends(nodes.map((node) => node.inputs)),
      node_output_ends: ends(nodes.map((node) => node.outputs)),
      node_inputs: ints(nodes.flatMap((node) => node.inputs)),
      node_outputs: ints(nodes.flatMap((node) => node.outputs)),
      node_input_names: ints(nodes.flatMap((node) => node.inputs.map(() => -1))),
      value_name: ints(values.map((value) => text(value.name))),
      value_dtype: ints(values.map((value) => text(value.dtype))),
      value_shape: ints(values.map((value) => shape(value.shape))),
      value_tensor: ints(values.map((value) => value.tensor)),
      scope_name: ints(scopes.map((scope) => text(scope.name))),
      scope_kind: ints(scopes.map((scope) => text(scope.kind))),
      scope_parent: ints(scopes.map((scope) => scope.parent)),
      scope_owner: ints(scopes.map((scope) => scope.owner)),
      tensor_name: ints(tensors.map((tensor) => text(tensor.name))),
      tensor_dtype: ints(tensors.map(() => text('float32'))),
      tensor_shape: ints(tensors.map((tensor) => shape(tensor.shape))),
      tensor_scope: ints(tensors.map((tensor) => tensor.scope)),
      tensor_bytes: Float64Array.from(tensors.map((tensor) => 4 * tensor.shape.reduce((size, dim) => size * dim, 1))),
      inputs: ints(this.inputs),
      outputs: ints(this.outputs),
    };
    const encoded = [...this.#texts.keys()].map((value) => new TextEncoder().encode(value));
    columns['text_ends'] = ends(encoded.map((bytes) => Array.from(bytes)));
    columns['text'] = Uint8Array.from(encoded.flatMap((bytes) => Array.from(bytes)));
    return written(columns, { netscope: version, model: JSON.stringify({ name: 'made', format: 'test' }) });
  }
}

/** A safetensors file, its tensors aligned to eight bytes. */
function written(columns: Columns, metadata: Record<string, string>): ArrayBuffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const [name, data] of Object.entries(columns)) {
    const dtype = data instanceof Int32Array ? 'I32' : data instanceof Float64Array ? 'F64' : 'U8';
    header[name] = { dtype, shape: [data.length], data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + padded + at).fill(32, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  let offset = 8 + padded;
  for (const data of Object.values(columns)) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file.buffer;
}

/** A transformer of identical blocks; a mask goes to each where `isShared`. */
export function transformer(nBlocks: number, isShared = false): Maker {
  const made = new Maker();
  const tokens = made.value('tokens', [1, 16]);
  const mask = made.value('mask', [1, 1, 16, 16]);
  made.inputs.push(tokens, ...(isShared ? [mask] : []));
  const shape = [1, 16, 64];
  let x = made.node('Gather', [made.weight('embed.weight', [1000, 64]), tokens], { scope: made.scope('embed', 'Embedding'), shape });
  const layers = made.scope('layers', 'ModuleList');
  for (let block = 0; block < nBlocks; block++) {
    const path = `layers.${block}`;
    const scope = made.scope(path, 'Block', layers);
    const attention = made.scope(`${path}.attention`, 'Attention', scope);
    const mlp = made.scope(`${path}.mlp`, 'MLP', scope);
    const normal = made.node('LayerNormalization', [x], { scope, shape });
    const [q, k, v] = ['q', 'k', 'v'].map((name) => made.node('MatMul', [normal, made.weight(`${path}.attention.${name}`, [64, 64], attention)], { scope: attention, shape, name, flops: 2 * 16 * 64 * 64 }));
    let scores = made.node('MatMul', [q!, k!], { scope: attention, shape: [1, 4, 16, 16] });
    if (isShared) scores = made.node('Add', [scores, mask], { scope: attention, shape: [1, 4, 16, 16] });
    const weights = made.node('Softmax', [scores], { scope: attention, shape: [1, 4, 16, 16] });
    const mixed = made.node('MatMul', [weights, v!], { scope: attention, shape });
    x = made.node('Add', [x, mixed], { scope, shape });
    const inner = made.node('Gelu', [made.node('MatMul', [x, made.weight(`${path}.mlp.up`, [64, 256], mlp)], { scope: mlp, shape: [1, 16, 256] })], { scope: mlp, shape: [1, 16, 256] });
    const out = made.node('MatMul', [inner, made.weight(`${path}.mlp.down`, [256, 64], mlp)], { scope: mlp, shape });
    x = made.node('Add', [x, out], { scope, shape });
  }
  made.outputs.push(made.node('Softmax', [x], { name: 'probabilities', shape }));
  return made;
}

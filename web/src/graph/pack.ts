/** A model's graph as it is sent: columns in typed arrays, strings that are decoded on first access. */
import { column, parse, type Tensors } from '../api/safetensors';

export interface About {
  name: string;
  format: string;
  format_version?: string;
  reader?: string;
  producer?: string;
  metadata?: Record<string, string>;
  warnings?: string[];
  /** Values of a user by series and by name of a node or module. */
  data?: Record<string, Record<string, number | string>>;
}

/** An entry of a shape: a size, the name of a symbol, or unknown. */
export type Dim = number | string | null;

/** Nodes, values, scopes and tensors are indices into the columns; -1 is none. Texts are read with `text`. */
export class Graph {
  readonly about: About;
  readonly nodeName: Int32Array;
  readonly nodeOp: Int32Array;
  readonly nodeScope: Int32Array;
  readonly nodeAttributes: Int32Array;
  /** NaN if unknown. */
  readonly nodeFlops: Float64Array;
  readonly inputEnds: Int32Array;
  readonly outputEnds: Int32Array;
  /** Values, beside `inputNames`; -1 for an input that was left out. */
  readonly nodeInputs: Int32Array;
  readonly nodeOutputs: Int32Array;
  readonly inputNames: Int32Array;
  readonly valueName: Int32Array;
  readonly valueDtype: Int32Array;
  readonly valueShape: Int32Array;
  /** The tensor that a value is stored in. */
  readonly valueTensor: Int32Array;
  readonly scopeName: Int32Array;
  readonly scopeKind: Int32Array;
  readonly scopeParent: Int32Array;
  /** The node whose body a scope is. */
  readonly scopeOwner: Int32Array;
  readonly tensorName: Int32Array;
  readonly tensorDtype: Int32Array;
  readonly tensorShape: Int32Array;
  readonly tensorScope: Int32Array;
  readonly tensorBytes: Float64Array;
  /** Inputs and outputs of the graph. */
  readonly inputs: Int32Array;
  readonly outputs: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #ends: Int32Array;
  readonly #texts: (string | undefined)[];
  readonly #shapes = new Map<number, Dim[] | null>();
  readonly #elements = new Map<number, number>();
  readonly #elementBytes = new Map<number, number>();

  constructor(pack: Tensors) {
    const ints = (name: string) => column(pack, name, Int32Array);
    const doubles = (name: string) => column(pack, name, Float64Array);
    this.about = JSON.parse(pack.metadata['model'] ?? '{}') as About;
    this.nodeName = ints('node_name');
    this.nodeOp = ints('node_op');
    this.nodeScope = ints('node_scope');
    this.nodeAttributes = ints('node_attributes');
    this.nodeFlops = doubles('node_flops');
    this.inputEnds = ints('node_input_ends');
    this.outputEnds = ints('node_output_ends');
    this.nodeInputs = ints('node_inputs');
    this.nodeOutputs = ints('node_outputs');
    this.inputNames = ints('node_input_names');
    this.valueName = ints('value_name');
    this.valueDtype = ints('value_dtype');
    this.valueShape = ints('value_shape');
    this.valueTensor = ints('value_tensor');
    this.scopeName = ints('scope_name');
    this.scopeKind = ints('scope_kind');
    this.scopeParent = ints('scope_parent');
    this.scopeOwner = ints('scope_owner');
    this.tensorName = ints('tensor_name');
    this.tensorDtype = ints('tensor_dtype');
    this.tensorShape = ints('tensor_shape');
    this.tensorScope = ints('tensor_scope');
    this.tensorBytes = doubles('tensor_bytes');
    this.inputs = ints('inputs');
    this.outputs = ints('outputs');
    this.#bytes = column(pack, 'text', Uint8Array);
    this.#ends = ints('text_ends');
    this.#texts = new Array<string | undefined>(this.#ends.length);
  }

  get nNodes(): number {
    return this.nodeOp.length;
  }
  get nValues(): number {
    return this.valueName.length;
  }
  get nScopes(): number {
    return this.scopeName.length;
  }
  get nTensors(): number {
    return this.tensorName.length;
  }

  /** '' for -1. */
  text(index: number): string {
    if (index < 0) return '';
    return (this.#texts[index] ??= DECODER.decode(this.#bytes.subarray(index ? this.#ends[index - 1] : 0, this.#ends[index])));
  }

  inputsOf(node: number): Int32Array {
    return this.nodeInputs.subarray(node ? this.inputEnds[node - 1] : 0, this.inputEnds[node]);
  }

  inputNamesOf(node: number): Int32Array {
    return this.inputNames.subarray(node ? this.inputEnds[node - 1] : 0, this.inputEnds[node]);
  }

  outputsOf(node: number): Int32Array {
    return this.nodeOutputs.subarray(node ? this.outputEnds[node - 1] : 0, this.outputEnds[node]);
  }

  /** Null if unknown; from the text of a shape, as in `valueShape` and `tensorShape`. */
  shape(index: number): Dim[] | null {
    if (index < 0) return null;
    let shape = this.#shapes.get(index);
    if (shape === undefined) this.#shapes.set(index, (shape = JSON.parse(this.text(index)) as Dim[]));
    return shape;
  }

  /** Number of elements of a shape, each symbol counting as one; NaN if the shape is unknown. */
  elements(index: number): number {
    let elements = this.#elements.get(index);
    if (elements === undefined) {
      const shape = this.shape(index);
      this.#elements.set(index, (elements = shape ? sizeOf(shape.map((dim) => (typeof dim === 'number' ? dim : 1))) : NaN));
    }
    return elements;
  }

  /** Bytes of one element of a type, from the text of the type. */
  elementBytes(index: number): number {
    let bytes = this.#elementBytes.get(index);
    if (bytes === undefined) this.#elementBytes.set(index, (bytes = elementBytes(this.text(index))));
    return bytes;
  }

  attributesOf(node: number): Record<string, unknown> {
    const index = this.nodeAttributes[node]!;
    return index < 0 ? {} : (JSON.parse(this.text(index)) as Record<string, unknown>);
  }
}

const DECODER = new TextDecoder();

/** Throws if it is not a pack, or one of another version. */
export function unpack(buffer: ArrayBuffer): Graph {
  const pack = parse(buffer);
  const version = pack.metadata['netscope'];
  if (version !== 'graph 1') throw new Error(`expected a graph of version "graph 1", got ${JSON.stringify(version ?? null)}`);
  return new Graph(pack);
}

/** "1×64×56×56"; "scalar" is [], "?" an entry or a shape that is unknown. */
export function shapeText(shape: readonly Dim[] | null): string {
  if (!shape) return '?';
  return shape.length ? shape.map((dim) => dim ?? '?').join('×') : 'scalar';
}

/** Number of elements; NaN if an entry is a symbol or unknown. */
export function sizeOf(shape: readonly Dim[] | null): number {
  if (!shape) return NaN;
  return shape.reduce<number>((size, dim) => (typeof dim === 'number' ? size * dim : NaN), 1);
}

const BITS: Record<string, number> = { float64: 64, float32: 32, float16: 16, bfloat16: 16, int64: 64, int32: 32, int16: 16, int8: 8, uint64: 64, uint32: 32, uint16: 16, uint8: 8, bool: 8, complex64: 64, complex128: 128 };

/** Bytes of one element; four bits are half a byte. Unknown types count as four bytes, so that lines have a width. */
export function elementBytes(dtype: string): number {
  const bits = BITS[dtype] ?? (/(\d+)/.test(dtype) ? Number(/(\d+)/.exec(dtype)![1]) : 32);
  return Math.min(128, bits) / 8;
}

/** A comparison of the model on screen with another one, as the server sends it: which node is which, and how they differ. */
import { column, type Tensors } from '../../api/safetensors';
import type { ComparisonReply, ComparisonSummary } from '../../api/schema.gen';

export const DIFFERENCES = ['same', 'moved', 'changed', 'added', 'removed'] as const;
export type Difference = (typeof DIFFERENCES)[number];

/** Bits of what changed, as in `netscope.models.comparison.node_changes.Change`. */
export const CHANGES = ['op', 'attributes', 'inputs', 'types', 'shapes', 'weights', 'values'] as const;
export type Change = (typeof CHANGES)[number];
const VALUES = 1 << CHANGES.indexOf('values');

/** A node or stored array with the one that it is in the other model. */
export interface Pair {
  /** Its index in the model on screen; -1 if it is in the other alone. */
  own: number;
  other: number;
  difference: Difference;
  changes: Change[];
}

export interface TensorPair extends Pair {
  /** ‖b − a‖ / ‖a‖, the largest |b − a|, the cosine of the angle between both; NaN if not compared. */
  relative: number;
  largest: number;
  cosine: number;
  /** Elements that differ. */
  differing: number;
  /** Order of axes, if it is another one. */
  axes: readonly number[];
  /** Why the numbers were not compared, or ''. */
  problem: string;
}

export class ModelComparison {
  readonly summary: ComparisonSummary;
  readonly #nodes: Pairs;
  readonly #tensors: Pairs;
  readonly #relative: Float64Array;
  readonly #largest: Float64Array;
  readonly #cosine: Float64Array;
  readonly #differing: Float64Array;
  readonly #notes: Map<number, ComparisonReply['notes'][number]>;

  constructor(
    reply: Tensors,
    /** Whether the model on screen is the one before. */
    readonly isBefore: boolean,
    /** Whether the numbers of the weights were compared, too. */
    readonly hasValues: boolean,
  ) {
    const said = JSON.parse(reply.metadata['reply'] ?? '{}') as ComparisonReply;
    const doubles = (name: string) => column(reply, name, Float64Array);
    this.summary = said.summary;
    this.#notes = new Map(said.notes.map((note) => [note.pair, note]));
    this.#nodes = new Pairs(reply, 'node', isBefore);
    this.#tensors = new Pairs(reply, 'tensor', isBefore);
    this.#relative = doubles('relative');
    this.#largest = doubles('largest');
    this.#cosine = doubles('cosine');
    this.#differing = doubles('differing');
  }

  /** Number of pairs of nodes, including those of one model alone. */
  get nNodes(): number {
    return this.#nodes.length;
  }

  get nTensors(): number {
    return this.#tensors.length;
  }

  node(pair: number): Pair {
    return this.#nodes.at(pair);
  }

  tensor(pair: number): TensorPair {
    const note = this.#notes.get(pair);
    const numbers = { relative: this.#relative[pair]!, largest: this.#largest[pair]!, cosine: this.#cosine[pair]!, differing: this.#differing[pair]! };
    return { ...this.#tensors.at(pair), ...numbers, axes: note?.axes ?? [], problem: note?.problem ?? '' };
  }

  /** The pair of a node of the model on screen; null if it is none of both. */
  ofNode(node: number): Pair | null {
    const pair = this.#nodes.pairOf(node);
    return pair < 0 ? null : this.#nodes.at(pair);
  }

  ofTensor(tensor: number): TensorPair | null {
    const pair = this.#tensors.pairOf(tensor);
    return pair < 0 ? null : this.tensor(pair);
  }

  /** How a node, or a stored array, of the model on screen differs. */
  difference(index: number, isTensor: boolean): Difference {
    const pairs = isTensor ? this.#tensors : this.#nodes;
    const pair = pairs.pairOf(index);
    return pair < 0 ? 'same' : pairs.difference(pair);
  }
}

/** Columns of pairs. */
class Pairs {
  readonly #own: Int32Array;
  readonly #other: Int32Array;
  readonly #changes: Uint8Array;
  readonly #isBefore: boolean;
  readonly #of = new Map<number, number>();

  constructor(reply: Tensors, kind: 'node' | 'tensor', isBefore: boolean) {
    const [a, b] = [column(reply, `${kind}_a`, Int32Array), column(reply, `${kind}_b`, Int32Array)];
    [this.#own, this.#other] = isBefore ? [a, b] : [b, a];
    this.#changes = column(reply, `${kind}_changes`, Uint8Array);
    this.#isBefore = isBefore;
    this.#own.forEach((own, pair) => {
      if (own >= 0) this.#of.set(own, pair);
    });
  }

  get length(): number {
    return this.#own.length;
  }

  pairOf(own: number): number {
    return this.#of.get(own) ?? -1;
  }

  difference(pair: number): Difference {
    if (this.#other[pair]! < 0) return this.#isBefore ? 'removed' : 'added';
    if (this.#own[pair]! < 0) return this.#isBefore ? 'added' : 'removed';
    const changes = this.#changes[pair]!;
    return !changes ? 'same' : changes === VALUES ? 'moved' : 'changed';
  }

  at(pair: number): Pair {
    const bits = this.#changes[pair]!;
    return { own: this.#own[pair]!, other: this.#other[pair]!, difference: this.difference(pair), changes: CHANGES.filter((_, bit) => bits & (1 << bit)) };
  }
}

/** The style of boxes and lines: colours by operation or number, marks of the selection. */
import type { Look } from '../../graph/draw/look';
import type { Base, Seen } from '../../graph/engine';
import { badgeOf, labelOf, type Label } from '../../graph/labels';
import { FAMILIES, familyOf, type Family } from '../../graph/ops';
import { shapeText, type Graph } from '../../graph/pack';
import { CLOSED, INPUT, LEAF, OPEN, OUTPUT, pillText, type Scene } from '../../graph/scene';
import { bytesOfValue } from '../../graph/visible';
import { FIRST_STEP, GROUP, NO_NUMBER, PILL, RAMP_STEPS, type Inks } from './inks';
import { rowOf, type Measure } from './measures';
import type { ModelValues } from './modelValues';
import { rangeText } from './valueTexts';

/** What does not depend on the camera and the selection. */
export interface Paper extends Pick<Look, 'ink' | 'colours' | 'colourOf' | 'mixOf' | 'labelOf' | 'badgeOf' | 'valueOf' | 'widthOf'> {
  /** Kinds of operation on screen, the most frequent first. */
  families: Family[];
  /** Least and greatest number on screen, of a measure. */
  range: [number, number] | null;
}

const familyAt = new Map(FAMILIES.map((family, i) => [family, i]));

/** Numbers and labels by item, kept as long as the graph is. */
export class Figures {
  readonly #labels = new Map<number, Label>();
  readonly #mixes = new Map<number, readonly (readonly [number, number])[]>();
  readonly #memory = new Map<number, number>();

  constructor(
    readonly graph: Graph,
    readonly base: Base,
    readonly word: string,
    /** Of a run of the model, if it has run. */
    readonly values: ModelValues | null = null,
  ) {}

  label(id: number, seen: Seen): Label {
    let label = this.#labels.get(id);
    if (!label) {
      if (id >= seen.firstInput) {
        const { name, shape } = pillText(this.graph, seen, id);
        label = { title: name, subtitle: shape, family: 'other' };
      } else label = labelOf(this.graph, this.base.tree, this.base.totals, id, this.word);
      this.#labels.set(id, label);
    }
    return label;
  }

  mix(item: number): readonly (readonly [number, number])[] {
    let mix = this.#mixes.get(item);
    if (!mix) {
      const { tree } = this.base;
      const counts = new Map<number, number>();
      const [from, to] = [tree.leafFrom[item]!, tree.leafTo[item]!];
      if (!tree.hasTensorLeaves)
        for (let i = from; i < to; i++) {
          const family = familyAt.get(familyOf(this.graph.text(this.graph.nodeOp[tree.leaves[i]!]!)))!;
          counts.set(family, (counts.get(family) ?? 0) + 1);
        }
      mix = [...counts].sort((a, b) => a[0] - b[0]).map(([family, n]) => [family, n / (to - from)] as const);
      this.#mixes.set(item, mix);
    }
    return mix;
  }

  /** The number of an item; NaN if unknown. */
  number(item: number, measure: Exclude<Measure, 'op'>): number {
    return rowOf(measure).of(this, item);
  }

  /** Bytes of all outputs of an item's operations. */
  memory(item: number): number {
    let bytes = this.#memory.get(item);
    if (bytes === undefined) this.#memory.set(item, (bytes = this.#bytes(item)));
    return bytes;
  }

  /** Time of an item's operations; NaN if unknown. */
  seconds(item: number): number {
    let sum = NaN;
    for (const node of this.#nodes(item)) {
      const seconds = this.values?.nodeSeconds[node] ?? NaN;
      if (seconds === seconds) sum = seconds + (sum || 0);
    }
    return sum;
  }

  /** Largest magnitude among the results of an item's operations. */
  largest(item: number): number {
    return this.values?.largestOf(this.#results(item)) ?? NaN;
  }

  /** How many elements of the results of an item's operations are NaN or infinite. */
  wrong(item: number): number {
    let sum = NaN;
    for (const value of this.#results(item)) {
      const range = this.values?.range(value);
      if (range) sum = range.wrong + (sum || 0);
    }
    return sum;
  }

  #nodes(item: number): Int32Array {
    const { tree } = this.base;
    return tree.hasTensorLeaves ? new Int32Array() : tree.leaves.subarray(tree.leafFrom[item], tree.leafTo[item]);
  }

  #results(item: number): number[] {
    return [...this.#nodes(item)].flatMap((node) => [...this.graph.outputsOf(node)].filter((value) => value >= 0));
  }

  /** Bytes of all outputs of its operations. */
  #bytes(item: number): number {
    const { tree, totals } = this.base;
    if (tree.hasTensorLeaves) return totals.bytes[item]!;
    let sum = NaN;
    for (let i = tree.leafFrom[item]!; i < tree.leafTo[item]!; i++)
      for (const value of this.graph.outputsOf(tree.leaves[i]!)) {
        const bytes = value < 0 ? NaN : bytesOfValue(this.graph, value);
        if (bytes === bytes) sum = bytes + (sum || 0);
      }
    return sum;
  }
}

/** `label`: what stands beside the lines. */
export function paperOf(figures: Figures, seen: Seen, scene: Scene, inks: Inks, measure: Measure, label: 'shape' | 'values' = 'shape'): Paper {
  const { graph, base } = figures;
  const { tree } = base;
  const n = scene.id.length;
  const colours = new Uint8Array(n);
  const counts = new Map<Family, number>();
  let range: [number, number] | null = null;
  if (measure !== 'op') {
    let [low, high] = [Infinity, 0];
    for (let b = 0; b < n; b++) {
      const value = isCounted(scene.kind[b]!) ? figures.number(scene.id[b]!, measure) : NaN;
      if (value > 0) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    if (high > 0) range = [low, high];
  }
  for (let b = 0; b < n; b++) {
    const kind = scene.kind[b]!;
    const id = scene.id[b]!;
    if (kind === INPUT || kind === OUTPUT) colours[b] = PILL;
    else if (kind === OPEN) colours[b] = GROUP;
    else if (measure !== 'op') {
      const value = figures.number(id, measure);
      const share = !range || !(value > 0) ? -1 : range[1] > range[0] ? Math.log(value / range[0]) / Math.log(range[1] / range[0]) : 1;
      colours[b] = share < 0 ? NO_NUMBER : FIRST_STEP + Math.round(share * (RAMP_STEPS - 1));
    } else if (kind === CLOSED) {
      colours[b] = GROUP;
      for (const [family, share] of figures.mix(id)) count(FAMILIES[family]!, share);
    } else {
      const family = tree.hasTensorLeaves ? 'other' : familyOf(graph.text(graph.nodeOp[id]!));
      colours[b] = familyAt.get(family)!;
      if (!tree.hasTensorLeaves) count(family, 1);
    }
  }
  const shapes = new Map<number, string>();
  return {
    ink: inks.ink,
    colours: inks.colours,
    families: [...counts].sort((a, b) => b[1] - a[1]).map(([family]) => family),
    range,
    colourOf: (box) => colours[box]!,
    mixOf: (box) => (measure === 'op' ? figures.mix(scene.id[box]!) : []),
    labelOf: (id) => figures.label(id, seen),
    badgeOf: (id) => (id < seen.firstInput ? badgeOf(tree, id) : ''),
    valueOf: (line) => {
      const edge = scene.edge[line]!;
      if (seen.nValues[edge]! > 1) return '';
      if (label === 'values' && figures.values) return rangeText(figures.values.range(seen.value[edge]!));
      const index = graph.valueShape[seen.value[edge]!]!;
      if (index < 0) return '';
      let text = shapes.get(index);
      if (text === undefined) shapes.set(index, (text = shapeText(graph.shape(index))));
      return text;
    },
    widthOf: (line) => widthOf(seen.bytes[scene.edge[line]!]!),
  };

  function count(family: Family, by: number): void {
    counts.set(family, (counts.get(family) ?? 0) + by);
  }
}

function isCounted(kind: number): boolean {
  return kind === CLOSED || kind === LEAF;
}

/** One px for up to a kilobyte, one more for every factor of a hundred. */
export function widthOf(bytes: number): number {
  return Math.min(4.5, 1.1 + Math.max(0, Math.log10(Math.max(bytes, 1) / 1000)) * 0.5);
}

/** Ids to which a box belongs, from itself outwards. */
function outwards(seen: Seen, id: number): number[] {
  const path: number[] = [];
  for (let at = id; at >= 0; at = seen.parent[at]!) path.push(at);
  return path;
}

/** The lines that lead into boxes and out of them, cut at the borders of groups as they are. */
export function linesOf(scene: Scene, seen: Seen, from: ReadonlySet<number>, into: ReadonlySet<number>): Set<number> {
  const around = new Map<number, Set<number>>();
  const groups = (id: number) => {
    let set = around.get(id);
    if (!set) around.set(id, (set = new Set(outwards(seen, id))));
    return set;
  };
  const targets = new Map<number, number[]>();
  for (let e = 0; e < seen.from.length; e++)
    if (into.has(seen.to[e]!)) {
      const list = targets.get(seen.from[e]!);
      if (list) list.push(seen.to[e]!);
      else targets.set(seen.from[e]!, [seen.to[e]!]);
    }
  const found = new Set<number>();
  for (let l = 0; l < scene.source.length; l++) {
    const source = scene.source[l]!;
    if (from.has(source)) found.add(l);
    const wanted = targets.get(source);
    if (!wanted) continue;
    const end = scene.target[l]!;
    const isOut = end !== source && groups(source).has(end);
    if (wanted.some((id) => (isOut ? !groups(id).has(end) : groups(id).has(end)))) found.add(l);
  }
  return found;
}

/** Boxes with the groups around them. */
export function withGroups(seen: Seen, ids: Iterable<number>): Set<number> {
  const all = new Set<number>();
  for (const id of ids) for (const one of outwards(seen, id)) all.add(one);
  return all;
}

/** The style of boxes and lines: colours by operation or number, marks of the selection. */
import type { Look } from '../../graph/draw/look';
import type { Base, Seen } from '../../graph/engine';
import { badgeOf, labelOf, type Label } from '../../graph/labels';
import { FAMILIES, familyOf, type Family } from '../../graph/ops';
import { shapeText, type Graph } from '../../graph/pack';
import { CLOSED, INPUT, LEAF, OPEN, OUTPUT, pillText, type Scene } from '../../graph/scene';
import { bytesOfValue } from '../../graph/visible';
import { FIRST_STEP, GROUP, NO_NUMBER, PILL, RAMP_STEPS, wordColour, type Inks } from './inks';
import type { Overlay } from './overlays.svelte';
import { rowOf, type Measure } from './measures';
import { largestOf } from './differences';
import type { ModelComparison } from './modelComparison';
import type { ModelValues } from './modelValues';
import { rangeText } from './valueTexts';

/** What does not depend on the camera and the selection. */
export interface Paper extends Pick<Look, 'ink' | 'colours' | 'colourOf' | 'mixOf' | 'labelOf' | 'badgeOf' | 'signOf' | 'valueOf' | 'widthOf'> {
  /** Kinds of operation on screen, the most frequent first. */
  families: Family[];
  /** Least and greatest number on screen, of a measure. */
  range: readonly [number, number] | null;
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
    /** With another model, if one was chosen. */
    readonly comparison: ModelComparison | null = null,
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

  /** Largest relative distance of the weights below an item from those of the other model; NaN if unknown. */
  moved(item: number): number {
    return this.comparison ? largestOf(this.comparison, this.graph, this.base.tree, item) : NaN;
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
export function paperOf(figures: Figures, seen: Seen, scene: Scene, inks: Inks, measure: Measure, label: 'shape' | 'values' = 'shape', overlay: Overlay | null = null): Paper {
  const { graph, base } = figures;
  const { tree } = base;
  const n = scene.id.length;
  const colours = new Uint8Array(n);
  const counts = new Map<Family, number>();
  const numberOf = overlay ? (item: number) => overlay.numbers?.[item] ?? NaN : measure === 'op' ? null : (item: number) => positive(figures.number(item, measure));
  const range = overlay?.range ?? (numberOf && rangeOf(scene, numberOf));
  const shareOf = range && sharesOf(range);
  for (let b = 0; b < n; b++) {
    const kind = scene.kind[b]!;
    const id = scene.id[b]!;
    if (kind === INPUT || kind === OUTPUT) colours[b] = PILL;
    else if (kind === OPEN) colours[b] = GROUP;
    else if (overlay?.words) {
      const word = overlay.words.of[id]!;
      colours[b] = word >= 0 ? wordColour(word) : kind === CLOSED ? GROUP : NO_NUMBER;
    } else if (numberOf) {
      const value = numberOf(id);
      colours[b] = shareOf && value === value ? FIRST_STEP + Math.round(shareOf(value) * (RAMP_STEPS - 1)) : NO_NUMBER;
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
    mixOf: (box) => (overlay?.words ? overlay.words.mix(scene.id[box]!).map(([word, share]) => [wordColour(word), share] as const) : numberOf ? [] : figures.mix(scene.id[box]!)),
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

const positive = (value: number) => (value > 0 ? value : NaN);

/** Least and greatest number on screen; null if there is none. */
function rangeOf(scene: Scene, numberOf: (item: number) => number): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (let b = 0; b < scene.id.length; b++) {
    const value = isCounted(scene.kind[b]!) ? numberOf(scene.id[b]!) : NaN;
    if (value === value) [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  return low <= high ? [low, high] : null;
}

/** Place of a number between the ends, from 0 to 1: by its logarithm if all are positive and far apart. */
export function sharesOf([low, high]: readonly [number, number]): (value: number) => number {
  if (!(high > low)) return () => 1;
  const isLog = low > 0 && high > 20 * low;
  const at = isLog ? Math.log : (value: number) => value;
  return (value) => Math.max(0, Math.min(1, (at(value) - at(low)) / (at(high) - at(low))));
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

/** What boxes can be coloured by beside what the graph itself tells: a user's values by name, and a run's statistics of its layers. */
import { api, type LayerValues } from '../../api/client';
import type { LayerTable, LayerTensor, Quantity, Stat } from '../../api/schema.gen';
import { shownStep } from '../../chart/nearest';
import type { Hierarchy } from '../../graph/hierarchy';
import { numbersOf, readNodeData, strangerIn, wordsOf, type NodeData, type Words } from '../../graph/named';
import type { Graph } from '../../graph/pack';
import { number } from '../../i18n/numbers';
import { i18n } from '../../state/i18n.svelte';
import { Resource, unlessGone } from '../../state/resource.svelte';
import { selection } from '../../state/selection.svelte';
import { current } from '../../state/current.svelte';
import { model } from './model.svelte';
import { share } from './numbers';

export interface Overlay {
  /** In the address: "data latency", "layers dead". */
  id: string;
  title: string;
  /** By item: NaN for none; null where words are given. */
  numbers: Float64Array | null;
  words: Words | null;
  /** Ends of the colours, where they are fixed. */
  range: readonly [number, number] | null;
  text: (value: number) => string;
  /** What the numbers are of, such as a step. */
  note: string;
}

const LARGEST_BYTES = 64 << 20;

interface LayerStat {
  name: string;
  quantity: Quantity;
  stat: Stat;
  isShare: boolean;
}

/** Statistics of `watch` by which a run's network is coloured; named as in the Layers view. */
const LAYER_STATS: readonly LayerStat[] = [
  { name: 'flow', quantity: 'gradient', stat: 'norm', isShare: false },
  { name: 'ratio', quantity: 'update', stat: 'ratio', isShare: false },
  { name: 'dead', quantity: 'activation', stat: 'dead', isShare: true },
];

class Overlays {
  readonly #table = new Resource<LayerTable>({ calmMs: 3000 });
  readonly #values = new Resource<LayerValues>({ calmMs: 1000, keepsOthers: true });
  /** Dropped on the page, with the model that it is for. */
  #dropped = $state.raw<{ subject: string; data: NodeData } | null>(null);

  readonly #data: NodeData = $derived({ ...model.graph?.about.data, ...(this.#dropped?.subject === model.subject ? this.#dropped.data : {}) });
  readonly #run: string = $derived(model.subject.startsWith('run ') ? model.subject.slice(4) : '');
  readonly #stats: readonly LayerStat[] = $derived.by(() => {
    const tensors = this.#run ? (this.#table.value?.tensors ?? []) : [];
    return LAYER_STATS.filter(({ quantity, stat }) => tensors.some((one) => one.quantity === quantity && one.stats.includes(stat)));
  });

  /** Ids and titles of all that there are. */
  readonly choices: readonly { id: string; title: string }[] = $derived([
    ...this.#stats.map(({ name }) => ({ id: `layers ${name}`, title: i18n.t.layers.kinds[name] ?? name })),
    ...Object.keys(this.#data).map((name) => ({ id: `data ${name}`, title: name })),
  ]);

  /** Call in an effect: asks for the statistics of the run at the selected step, if the address names one. */
  follow(): void {
    const run = this.#run;
    const revision = current.run?.revision ?? 0;
    if (!run) return;
    void this.#table.ask(run, revision, (signal) => api.layers(run, signal).catch(unlessGone));
    const stat = this.#chosenStat();
    const steps = this.#table.value?.steps ?? [];
    const step = steps[shownStep(steps, selection.step)];
    if (!stat || step === undefined) return;
    void this.#values.ask(`${run} ${stat.name} ${step}`, revision, (signal) => api.layerValues(run, stat.quantity, stat.stat, { low: step, high: step }, signal).catch(unlessGone));
  }

  #chosenStat(): LayerStat | undefined {
    return this.#stats.find(({ name }) => `layers ${name}` === selection.more['colour']);
  }

  /** The one that the address names; null for none. */
  chosen(graph: Graph, tree: Hierarchy): Overlay | null {
    const id = selection.more['colour'] ?? '';
    const title = this.choices.find((one) => one.id === id)?.title;
    if (title === undefined) return null;
    const stat = this.#chosenStat();
    return stat ? this.#ofLayers(graph, tree, id, title, stat) : ofData(graph, tree, id, title, this.#data[title]!);
  }

  #ofLayers(graph: Graph, tree: Hierarchy, id: string, title: string, { stat, isShare }: LayerStat): Overlay {
    const { value } = this.#values;
    // A window of steps comes with its neighbours.
    const at = value ? shownStep(value.steps, selection.step) : -1;
    const numbers = numbersOf(graph, tree, value && at >= 0 ? byLayer(value, at, stat) : new Map());
    const step = value?.steps[at];
    return { id, title, numbers, words: null, range: isShare ? [0, 1] : null, text: isShare ? (x) => share(x, 1) : (x) => number(x, 3), note: step === undefined ? '' : i18n.t.layers.at(number(step)) };
  }

  /** Whether a file has values for the model on screen, which is then coloured by them; a sentence if it has them for another one. */
  async take(file: File): Promise<boolean | string> {
    const { graph, subject } = model;
    if (!graph || !/\.json$/i.test(file.name) || file.size > LARGEST_BYTES) return false;
    let json: unknown;
    try {
      json = JSON.parse(await file.text());
    } catch {
      return false;
    }
    const data = readNodeData(json, file.name.replace(/\.json$/i, ''));
    if (!data) return false;
    const stranger = strangerIn(graph, data);
    if (stranger) return i18n.t.model.strangeData(file.name, stranger);
    this.#dropped = { subject, data: { ...(this.#dropped?.subject === subject ? this.#dropped.data : {}), ...data } };
    selection.setMore('colour', `data ${Object.keys(data)[0]}`, 'set');
    return true;
  }
}

function ofData(graph: Graph, tree: Hierarchy, id: string, title: string, data: NodeData[string]): Overlay {
  const entries = Object.entries(data);
  const isWords = entries.some(([, value]) => typeof value === 'string');
  const words = isWords ? wordsOf(graph, tree, new Map(entries.map(([name, value]) => [name, String(value)]))) : null;
  const numbers = isWords ? null : numbersOf(graph, tree, new Map(entries as [string, number][]));
  return { id, title, numbers, words, range: null, text: (value) => number(value, 4), note: '' };
}

/** One number a layer, of one of the steps: norms of its tensors together, as of one vector; of other statistics that of its weight, or its only one. */
function byLayer({ rows, steps, values }: LayerValues, at: number, stat: Stat): Map<string, number> {
  const found = new Map<string, number>();
  const isMain = ({ tensor }: LayerTensor) => /weight|kernel|output|^W/.test(tensor);
  rows.forEach((row, i) => {
    const value = values[i * steps.length + at] ?? NaN;
    if (value !== value) return;
    const before = found.get(row.layer);
    if (before === undefined || (stat !== 'norm' && isMain(row))) found.set(row.layer, value);
    else if (stat === 'norm') found.set(row.layer, Math.hypot(before, value));
  });
  return found;
}

export const overlays = new Overlays();

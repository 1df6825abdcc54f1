/** The model on screen: its identity, its graph, and its drawing in the state that the user left it. */
import { untrack } from 'svelte';
import { ApiError, api } from '../../api/client';
import type { Models } from '../../api/schema.gen';
import { begin } from '../../chart/busy';
import type { Base, Drawing, Seen } from '../../graph/engine';
import { isGroup, pathTo } from '../../graph/hierarchy';
import { unpack, type Graph } from '../../graph/pack';
import type { Direction, Scene } from '../../graph/scene';
import { itemOfLayer, layerOf } from '../../graph/search';
import { current } from '../../state/current.svelte';
import { i18n } from '../../state/i18n.svelte';
import { Resource } from '../../state/resource.svelte';
import { selection } from '../../state/selection.svelte';
import { keep, recall } from '../../state/stored';
import { Drawer } from './drawer';

interface Opened {
  subject: string;
  graph: Graph;
  /** Names the graphs of a run; '' for a model. */
  version: string;
}

/** Many groups are opened only on request, since there may be very many. */
const MOST_SEARCH = 200;

class ModelState {
  readonly list = new Resource<Models>({ calmMs: 2000 });
  readonly #pack = new Resource<Opened>({ calmMs: 5000 });
  /** "model ID" or "run ID": from the address, otherwise the current run, otherwise the first open model; '' for none. */
  readonly subject: string = $derived.by(() => {
    const chosen = selection.more['model'];
    if (chosen) return `model ${chosen}`;
    const first = this.list.value?.models.find((one) => one.state !== 'stored');
    if (current.run && !(this.#without === `run ${current.run.id}` && first)) return `run ${current.run.id}`;
    return first ? `model ${first.id}` : '';
  });
  /** A run that has no graph. */
  #without = $state('');
  graph = $state.raw<Graph | null>(null);
  base = $state.raw<Base | null>(null);
  seen = $state.raw<Seen | null>(null);
  scene = $state.raw<Scene | null>(null);
  expanded = $state.raw<ReadonlySet<number>>(new Set());
  /** Id of a box; -1 for none. */
  selected = $state(-1);
  /** A value, when a line was chosen; -1 for none. */
  value = $state(-1);
  isFlat = $state<boolean>(recall('model.flat', false));
  direction = $state<Direction>(recall<Direction>('model.direction', 'down'));
  isBusy = $state(false);
  /** What went wrong while laying out. */
  fault = $state('');
  /** The box that keeps its place on screen when the next drawing arrives; -1 for none: the view is reset. */
  anchor = -2;
  /** To be shown once it is drawn. */
  wanted = -1;
  #drawer: Drawer | null = null;
  #done: (() => void) | null = null;

  get problem(): ApiError | null {
    return this.#pack.problem;
  }

  get isEmpty(): boolean {
    return this.subject === '' && (this.list.value !== null || this.list.problem !== null);
  }

  get isMissing(): boolean {
    return this.#pack.problem?.status === 404;
  }

  /** Call in an effect: loads what the address names. */
  follow(): void {
    const { subject } = this;
    // The graph of a run comes with its first measured step, and another one when its layers change.
    const revision = subject.startsWith('run ') ? (current.run?.revision ?? 0) : 0;
    void this.list.ask('', 0, (signal) => api.models(signal));
    if (!subject) return;
    void this.#pack.ask(subject, revision, async (signal) => {
      const [kind, id] = [subject.slice(0, subject.indexOf(' ')), subject.slice(subject.indexOf(' ') + 1)];
      try {
        performance.mark('graph-asked');
        const version = kind === 'run' ? await versionOf(id, signal) : '';
        const before = untrack(() => this.#pack.value);
        if (version && before?.subject === subject && before.version === version) return before;
        const pack = await (kind === 'run' ? api.runGraph(id, signal) : api.modelGraph(id, signal));
        performance.mark('graph-received');
        let graph: Graph;
        try {
          graph = unpack(pack);
        } catch (error) {
          throw new ApiError(error instanceof Error ? error.message : String(error), 0);
        }
        this.#open(graph, pack);
        if (this.#without === subject) this.#without = '';
        return { subject, graph, version };
      } catch (error) {
        const isMissing = error instanceof ApiError && error.status === 404;
        if (isMissing || untrack(() => this.#pack.value?.subject) !== subject) this.#forget();
        if (kind === 'run' && isMissing) this.#without = subject;
        throw error;
      }
    });
  }

  retry(): void {
    this.#pack.retry();
  }

  /** The list of models has changed. */
  refresh(): void {
    void this.list.ask('', performance.now(), (signal) => api.models(signal), true);
  }

  choose(id: string): void {
    const { model: _old, ...more } = selection.more;
    selection.set({ layer: null, more: id ? { ...more, model: id } : more });
  }

  #forget(): void {
    this.graph = null;
    this.base = this.seen = this.scene = null;
  }

  #open(graph: Graph, pack: ArrayBuffer): void {
    this.#drawer ??= new Drawer(
      (drawing, took) => this.#take(drawing, took),
      (problem) => {
        this.fault = problem || i18n.t.model.noLayout;
        this.#settle();
      },
    );
    this.#forget();
    this.graph = graph;
    this.selected = this.value = -1;
    this.anchor = -2;
    this.#drawer.open(pack);
    this.draw(null);
  }

  /** Lay out again; null: with the groups of the first view. */
  draw(expanded: readonly number[] | 'all' | null): void {
    this.isBusy = true;
    this.fault = '';
    this.#done ??= begin();
    this.#drawer?.draw({ isFlat: this.isFlat, expanded, direction: this.direction, word: untrack(() => i18n.t.model.opsWord) });
  }

  #take(drawing: Drawing, took: number): void {
    this.base = drawing.base;
    this.seen = drawing.seen;
    this.expanded = new Set(drawing.expanded);
    this.scene = drawing.scene;
    performance.mark('graph-laid-out', { detail: took });
    const { layer } = selection;
    if (layer !== null && this.anchor === -2 && this.selected < 0) this.showLayer(layer);
    else if (this.selected >= 0 && drawing.seen.parent[this.selected]! < 0) this.selected = -1;
    this.#settle();
  }

  #settle(): void {
    this.isBusy = false;
    this.#done?.();
    this.#done = null;
  }

  /** Open a closed group, close an open one. */
  toggle(item: number): void {
    const { base } = this;
    if (!base || item >= base.tree.nItems || !isGroup(base.tree, item) || item === base.tree.root) return;
    const open = new Set(this.expanded);
    if (!open.delete(item)) open.add(item);
    this.anchor = item;
    this.draw([...open]);
  }

  expandAll(): void {
    this.anchor = this.selected;
    this.draw('all');
  }

  collapseAll(): void {
    this.anchor = -1;
    this.draw([]);
  }

  setFlat(isFlat: boolean): void {
    keep('model.flat', (this.isFlat = isFlat));
    this.anchor = -1;
    this.draw(null);
  }

  setDirection(direction: Direction): void {
    keep('model.direction', (this.direction = direction));
    this.anchor = -1;
    this.draw([...this.expanded]);
  }

  /** Select a box, or nothing (-1); its layer becomes the selected layer of all views. */
  select(id: number): void {
    this.value = -1;
    this.selected = id;
    const { graph, base } = this;
    if (!graph || !base) return;
    const layer = id >= 0 && id < base.tree.nItems ? layerOf(graph, base.tree, id) : '';
    selection.replace({ layer: layer || null });
  }

  selectValue(value: number): void {
    this.selected = -1;
    this.value = value;
  }

  /** Select an item and open the groups that hide it. */
  reveal(item: number): void {
    const { base } = this;
    if (!base) return;
    const hiding = pathTo(base.tree, item).slice(1, -1).filter((group) => !this.expanded.has(group));
    this.wanted = item;
    this.select(item);
    if (!hiding.length) {
      // Setting the same drawing again makes the canvas go there.
      this.scene = this.scene ? { ...this.scene } : null;
      return;
    }
    this.anchor = -3;
    this.draw([...this.expanded, ...hiding.slice(0, MOST_SEARCH)]);
  }

  showLayer(layer: string): void {
    const { graph, base } = this;
    if (!graph || !base) return;
    const item = itemOfLayer(graph, base.tree, layer);
    if (item < 0 || item === this.selected) return;
    if (this.selected >= 0 && this.selected < base.tree.nItems && layerOf(graph, base.tree, this.selected) === layer) return;
    const path = pathTo(base.tree, item).slice(1, -1);
    this.value = -1;
    this.selected = item;
    this.wanted = item;
    const hiding = path.filter((group) => !this.expanded.has(group));
    if (hiding.length) this.draw([...this.expanded, ...hiding]);
  }
}

export const model = new ModelState();

/** Rejects if the run has no graph; asked for first, because browsers log every reply that is an error. */
async function versionOf(run: string, signal: AbortSignal): Promise<string> {
  const { assets } = await api.assets(run, { kind: 'graph' }, signal);
  if (!assets.length) throw new ApiError('', 404);
  return assets.map((asset) => asset.blob).join();
}

/** The comparison of the model on screen with another one: which one, kept in the address, and what the server found. */
import { untrack } from 'svelte';
import { ApiError, api } from '../../api/client';
import type { Job } from '../../api/schema.gen';
import type { Tensors } from '../../api/safetensors';
import { unpack, type Graph } from '../../graph/pack';
import { sentence } from '../../state/acts';
import { current } from '../../state/current.svelte';
import { isRunning, jobs } from '../../state/jobs.svelte';
import { Resource } from '../../state/resource.svelte';
import { selection } from '../../state/selection.svelte';
import { model } from './model.svelte';
import { ModelComparison } from './modelComparison';

/** Weights of files up to this size together are compared without being asked to. */
const SMALL_BYTES = 1 << 29;

class ComparisonState {
  /** "model:ID" or "run:ID" of the other model; '' for none. */
  readonly other: string = $derived(selection.more['with'] ?? '');
  /** The model on screen in the same form. */
  readonly own: string = $derived(model.subject.replace(' ', ':'));
  /** Whether the model on screen is the one before. */
  readonly isBefore: boolean = $derived(selection.more['side'] === 'before');
  readonly #isActive: boolean = $derived(this.other !== '' && this.own !== '' && this.other !== this.own);
  readonly #key: string = $derived(this.#isActive ? (this.isBefore ? `${this.own} ${this.other}` : `${this.other} ${this.own}`) : '');
  readonly #structure = new Resource<{ key: string; found: Tensors }>();
  readonly #weights = new Resource<{ key: string; found: Tensors }>();
  readonly #graph = new Resource<{ subject: string; graph: Graph }>();
  /** The job that compares the weights of each two models. */
  #started = $state.raw<Readonly<Record<string, string>>>({});
  #refusal = $state('');
  readonly job: Job | null = $derived(jobs.list.find((job) => job.id === this.#started[this.#key]) ?? null);
  readonly isRunning: boolean = $derived(this.job !== null && isRunning(this.job));
  readonly problem: string = $derived(this.#refusal || (this.job?.state === 'failed' ? this.job.error : '') || this.#structure.problem?.message || this.#graph.problem?.message || '');
  /** What was found, once it is there and about what is on screen. */
  readonly shown: ModelComparison | null = $derived.by(() => {
    const weights = this.#weights.value?.key === this.#key ? this.#weights.value.found : null;
    const structure = this.#structure.value?.key === this.#key ? this.#structure.value.found : null;
    const found = weights ?? structure;
    return this.#isActive && found ? new ModelComparison(found, this.isBefore, weights !== null) : null;
  });
  /** The graph of the other model. */
  readonly otherGraph: Graph | null = $derived(this.#isActive && this.#graph.value?.subject === this.other ? this.#graph.value.graph : null);
  /** Whether both have weights that can be compared. */
  readonly canWeigh: boolean = $derived(this.#isActive && this.own.startsWith('model:') && this.other.startsWith('model:'));
  /** A node or tensor to go to, once the model that has it is on screen. */
  #wanted: { subject: string; item: number } | null = null;

  get isActive(): boolean {
    return this.#isActive;
  }

  /** Name of the other model. */
  get otherName(): string {
    return this.nameOf(this.other);
  }

  nameOf(subject: string): string {
    const id = subject.slice(subject.indexOf(':') + 1);
    if (subject.startsWith('run:')) return id === current.run?.id ? current.run.name : id;
    return model.list.value?.models.find((one) => one.id === id)?.name ?? id;
  }

  /** Call in an effect. */
  follow(): void {
    const key = this.#key;
    if (!key) return;
    const [a, b] = key.split(' ') as [string, string];
    const { other } = this;
    void this.#structure.ask(key, 0, async (signal) => ({ key, found: await api.comparison(a, b, signal) }));
    void this.#graph.ask(other, 0, async (signal) => ({ subject: other, graph: await graphOf(other, signal) }));
    if (this.job?.state === 'done') {
      const { id } = this.job;
      void this.#weights.ask(`${key} ${id}`, 0, async (signal) => ({ key, found: await api.comparisonOf(id, signal) }));
    }
    if (this.canWeigh && this.#structure.value?.key === key && this.#size() <= SMALL_BYTES) untrack(() => !this.#started[key] && void this.weigh());
  }

  /** Go to what was requested, once its model is on screen. Call in an effect. */
  arrive(): void {
    const { base } = model;
    if (!base || !this.#wanted || this.#wanted.subject !== this.own) return;
    const { item } = this.#wanted;
    this.#wanted = null;
    untrack(() => model.reveal(item));
  }

  /** Compare the numbers of the weights. */
  async weigh(): Promise<void> {
    const key = this.#key;
    this.#refusal = '';
    this.#started = { ...this.#started, [key]: '' };
    try {
      const [a, b] = key.split(' ') as [string, string];
      const job = await api.compareWeights({ a, b });
      jobs.hear(jobs.list.find((one) => one.id === job.id) ?? job);
      this.#started = { ...this.#started, [key]: job.id };
    } catch (error) {
      this.#refusal = sentence(error);
    }
  }

  async cancel(): Promise<void> {
    if (this.job) await jobs.cancel(this.job.id).catch((error: unknown) => (this.#refusal = sentence(error)));
  }

  choose(subject: string): void {
    const { with: _with, side: _side, ...more } = selection.more;
    this.#refusal = '';
    selection.set({ more: subject ? { ...more, with: subject } : more });
  }

  /** Show the other model, and compare it with the one that was on screen. `item`: where to go in it, by default to what the selected box is there. */
  turn(item = this.#counterpart()): void {
    const { own, other, isBefore } = this;
    if (item >= 0) this.#wanted = { subject: other, item };
    const { model: _model, side: _side, ...rest } = selection.more;
    const more = { ...rest, with: own, ...(isBefore ? {} : { side: 'before' }) };
    const id = other.slice(other.indexOf(':') + 1);
    if (other.startsWith('run:')) selection.set({ run: id, layer: null, more });
    else selection.set({ layer: null, more: { ...more, model: id } });
  }

  /** Make the model before the one after. */
  swap(): void {
    selection.setMore('side', this.isBefore ? null : 'before', 'set');
  }

  /** The node or tensor of the other model that is the selected one; -1 for none. */
  #counterpart(): number {
    const { base, selected } = model;
    if (!base || selected < 0 || selected >= base.tree.nLeaves) return -1;
    const pair = base.tree.hasTensorLeaves ? this.shown?.ofTensor(selected) : this.shown?.ofNode(selected);
    return pair?.other ?? -1;
  }

  #size(): number {
    const ids = [this.own, this.other].map((subject) => subject.slice(6));
    return (model.list.value?.models ?? []).filter((one) => ids.includes(one.id)).reduce((sum, one) => sum + one.bytes, 0);
  }
}

export const comparison = new ComparisonState();

async function graphOf(subject: string, signal: AbortSignal): Promise<Graph> {
  const id = subject.slice(subject.indexOf(':') + 1);
  const pack = await (subject.startsWith('run:') ? api.runGraph(id, signal) : api.modelGraph(id, signal));
  try {
    return unpack(pack);
  } catch (error) {
    throw new ApiError(error instanceof Error ? error.message : String(error), 0);
  }
}

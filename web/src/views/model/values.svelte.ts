/** Running the model on screen: what it takes, the job that runs it, and what it computed. */
import { untrack } from 'svelte';
import { ApiError, api } from '../../api/client';
import type { InputRequest, Job, ModelRunner, ValuesRequest } from '../../api/schema.gen';
import { sentence } from '../../state/acts';
import { i18n } from '../../state/i18n.svelte';
import { isRunning, jobs } from '../../state/jobs.svelte';
import { Resource } from '../../state/resource.svelte';
import { keep, recall } from '../../state/stored';
import { model } from './model.svelte';
import { ModelValues } from './modelValues';

/** What an input is given, as the form has it. */
export interface Choice {
  kind: NonNullable<InputRequest['kind']>;
  shape: number[];
  file: File | null;
  scaling: NonNullable<InputRequest['scaling']>;
  text: string;
}

class ValuesState {
  readonly runner = new Resource<ModelRunner>();
  readonly #result = new Resource<ModelValues>({ keepsOthers: true });
  /** Of the model on screen; '' if it is the network of a run, whose file is not there. */
  readonly model: string = $derived(model.subject.startsWith('model ') ? model.subject.slice(6) : '');
  /** The last job that was started for each model. */
  #started = $state.raw<Readonly<Record<string, string>>>({});
  readonly job: Job | null = $derived(jobs.list.find((job) => job.id === this.#started[this.model]) ?? null);
  readonly isRunning: boolean = $derived(this.job !== null && isRunning(this.job));
  /** From 0 to 1; null while it is unknown. */
  readonly share: number | null = $derived(this.job && this.job.total > 0 ? this.job.done / this.job.total : null);
  /** Why the last run could not be started. */
  #refusal = $state('');
  readonly problem: string = $derived(this.#refusal || (this.job?.state === 'failed' ? this.job.error : '') || this.#result.problem?.message || '');
  /** What the model on screen computed, once it has run. */
  readonly shown: ModelValues | null = $derived(this.#result.value?.model === this.model ? this.#result.value : null);
  /** What stands beside the lines of the graph. */
  label = $state<'shape' | 'values'>(recall('model.values.label', 'values'));
  choices = $state<Record<string, Choice>>({});
  seed = $state(0);
  #chosenFor = '';

  /** Call in an effect. */
  follow(): void {
    const { job, model: id } = this;
    if (job?.state === 'done') void this.#result.ask(job.id, 0, async (signal) => this.#read(job.id, id, signal));
  }

  /** Call in an effect while the form is open. */
  prepare(): void {
    const id = this.model;
    if (!id) return;
    void this.runner.ask(id, 0, async (signal) => {
      const found = await api.runner(id, signal);
      if (this.#chosenFor !== id) {
        this.#chosenFor = id;
        this.choices = Object.fromEntries(found.inputs.map((one) => [one.name, { kind: 'random', shape: [...one.proposed], file: null, scaling: '0..1', text: '' }]));
      }
      return found;
    });
  }

  /** `keep`: values whose elements are wanted, however many. */
  async run(keep: number[] = []): Promise<void> {
    const id = this.model;
    this.#refusal = '';
    try {
      const inputs: ValuesRequest['inputs'] = {};
      for (const [name, choice] of Object.entries(this.choices)) inputs[name] = await this.#asked(name, choice);
      const job = await api.values(id, { inputs, seed: this.seed, keep });
      jobs.hear(jobs.list.find((one) => one.id === job.id) ?? job);
      this.#started = { ...untrack(() => this.#started), [id]: job.id };
    } catch (error) {
      this.#refusal = sentence(error);
    }
  }

  async cancel(): Promise<void> {
    if (this.job) await jobs.cancel(this.job.id).catch((error: unknown) => (this.#refusal = sentence(error)));
  }

  showBeside(label: 'shape' | 'values'): void {
    keep('model.values.label', (this.label = label));
  }

  async #asked(name: string, { kind, shape, file, scaling, text }: Choice): Promise<InputRequest> {
    if (kind === 'text') return { kind, text };
    if (kind === 'random') return { kind, shape: [...shape] };
    if (!file) throw new ApiError(i18n.t.values.noFile(name), 400);
    const sent = await api.uploadInput(file);
    return { kind, file: sent.file, scaling, ...(kind === 'array' ? {} : { shape: [...shape] }) };
  }

  async #read(job: string, id: string, signal: AbortSignal): Promise<ModelValues> {
    const tensors = await api.valuesOf(job, signal);
    try {
      return new ModelValues(job, id, tensors);
    } catch (error) {
      throw new ApiError(error instanceof Error ? error.message : String(error), 0);
    }
  }
}

export const values = new ValuesState();

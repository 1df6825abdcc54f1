/** What was watched of one run: the table of layers, matrices of a statistic, histograms of a tensor; asked again when the run grows. */
import { api, ApiError, type LayerValues } from '../../api/client';
import type { LayerTable, Quantity, Stat } from '../../api/schema.gen';
import { begin } from '../../chart/busy';
import type { Histogram } from '../../chart/histogram';

/** What is on screen while its newer self is on the way: one question at a time, and those of a growing run not too often. */
export class Asked<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<ApiError | null>(null);
  #name = '';
  #subject = '';
  #askedAt = -Infinity;
  #asking = false;
  #question: (() => Promise<T>) | null = null;
  #later: ReturnType<typeof setTimeout> | undefined;
  readonly #calm: number;

  constructor(calm = 1000) {
    this.#calm = calm;
  }

  /** `subject` tells what is asked about: another one clears what was there. `revision` changes when it grew. */
  ask(subject: string, revision: number, question: () => Promise<T>): void {
    const name = `${subject} ${revision}`;
    if (name === this.#name) return;
    const other = subject !== this.#subject;
    this.#name = name;
    this.#subject = subject;
    this.#question = question;
    if (other) {
      this.value = null;
      this.problem = null;
      this.#asking = false;
    }
    this.#plan(other ? begin() : () => undefined, other);
  }

  #plan(done: () => void, now: boolean): void {
    // What is under way is let finish, even if the run has grown since: else a run that grows fast would never be shown.
    if (this.#asking) return done();
    clearTimeout(this.#later);
    const wait = now ? 0 : Math.max(0, this.#askedAt + this.#calm - performance.now());
    this.#later = setTimeout(() => void this.#send().finally(done), wait);
  }

  async #send(): Promise<void> {
    const [name, subject] = [this.#name, this.#subject];
    this.#askedAt = performance.now();
    this.#asking = true;
    try {
      const value = await this.#question!();
      if (subject !== this.#subject) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (subject === this.#subject) this.problem = error;
    } finally {
      if (subject === this.#subject) this.#asking = false;
    }
    if (subject === this.#subject && name !== this.#name) this.#plan(() => undefined, false);
  }

  /** Forget that it was asked, so that the next `ask` does it again. */
  again(): void {
    this.#name = this.#subject = '';
  }
}

export function askTable(run: string): Promise<LayerTable> {
  return api.layers(run);
}

const MATRIX_STEPS = 600;

export interface Matrix extends LayerValues {
  /** Counts of NaN and infinities in the same rows and steps; null where they were not watched. */
  strange: Float32Array | null;
}

/** A statistic of all tensors over all steps, with what was not finite. */
export async function askMatrix(run: string, quantity: Quantity, stat: Stat): Promise<Matrix> {
  const [values, strange] = await Promise.all([
    api.layerValues(run, quantity, stat, { px: MATRIX_STEPS }),
    api.layerValues(run, quantity, 'nonfinite', { px: MATRIX_STEPS }).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }),
  ]);
  return { ...values, strange: strange ? aligned(values, strange) : null };
}

/** The second matrix in the rows and steps of the first. */
export function aligned(to: LayerValues, from: LayerValues): Float32Array {
  const name = (row: LayerValues['rows'][number]) => `${row.layer}/${row.tensor}`;
  const rows = new Map(from.rows.map((row, i) => [name(row), i]));
  const columns = new Map(Array.from(from.steps, (step, i) => [step, i]));
  const n = to.steps.length;
  const out = new Float32Array(to.rows.length * n);
  to.rows.forEach((row, r) => {
    const source = rows.get(name(row));
    if (source === undefined) return;
    for (let c = 0; c < n; c++) {
      const column = columns.get(to.steps[c]!);
      if (column !== undefined) out[r * n + c] = from.values[source * from.steps.length + column]!;
    }
  });
  return out;
}

export async function askHistogram(run: string, key: string, n: number): Promise<Histogram> {
  const reply = await api.bins(run, key, { n });
  const zeros = reply.tensors.tensors['zeros']?.data;
  return { ...reply, zeros: zeros instanceof Float32Array ? zeros : new Float32Array(reply.steps.length) };
}

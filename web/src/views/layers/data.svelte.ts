/** What was watched of one run: the table of layers, matrices of a statistic, histograms of a tensor; asked again when the run grows. */
import { api, ApiError, type LayerValues } from '../../api/client';
import type { LayerTable, Quantity, Stat } from '../../api/schema.gen';
import { begin } from '../../chart/busy';
import type { Histogram } from '../../chart/histogram';

/** What is on screen while its newer self is on the way; the latest question wins, and no more than one a second is asked. */
export class Asked<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<ApiError | null>(null);
  #name = '';
  #subject = '';
  #askedAt = -Infinity;
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
    clearTimeout(this.#later);
    if (other) this.value = null;
    const wait = other ? 0 : Math.max(0, this.#askedAt + this.#calm - performance.now());
    const done = other ? begin() : () => undefined;
    this.#later = setTimeout(() => void this.#send(name, question).finally(done), wait);
  }

  async #send(name: string, question: () => Promise<T>): Promise<void> {
    this.#askedAt = performance.now();
    try {
      const value = await question();
      if (name !== this.#name) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (name === this.#name) this.problem = error;
    }
  }

  again(): void {
    this.#name = '';
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

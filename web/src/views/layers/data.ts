/** What was watched of one run: matrices of a statistic, histograms of a tensor. */
import { api, ApiError, type LayerValues } from '../../api/client';
import type { Quantity, Stat } from '../../api/schema.gen';
import type { Histogram } from '../../chart/histogram';

const MATRIX_STEPS = 600;

export interface Matrix extends LayerValues {
  /** Counts of NaN and infinities in the same rows and steps; null where they were not watched. */
  strange: Float32Array | null;
}

/** A statistic of all tensors over all steps, with what was not finite. */
export async function askMatrix(run: string, quantity: Quantity, stat: Stat, signal: AbortSignal): Promise<Matrix> {
  const [values, strange] = await Promise.all([
    api.layerValues(run, quantity, stat, { px: MATRIX_STEPS }, signal),
    api.layerValues(run, quantity, 'nonfinite', { px: MATRIX_STEPS }, signal).catch((error: unknown) => {
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

export async function askHistogram(run: string, key: string, n: number, signal: AbortSignal): Promise<Histogram> {
  const reply = await api.bins(run, key, { n }, signal);
  const zeros = reply.tensors.tensors['zeros']?.data;
  return { ...reply, zeros: zeros instanceof Float32Array ? zeros : new Float32Array(reply.steps.length) };
}

/** Histograms of a watched tensor over the steps. */
import { api } from '../../api/client';
import type { Histogram } from '../../chart/histogram';

export async function askHistogram(run: string, key: string, n: number, signal: AbortSignal): Promise<Histogram> {
  const reply = await api.bins(run, key, { n }, signal);
  const zeros = reply.tensors.tensors['zeros']?.data;
  return { ...reply, zeros: zeros instanceof Float32Array ? zeros : new Float32Array(reply.steps.length) };
}

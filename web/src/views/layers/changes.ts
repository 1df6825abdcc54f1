/** A short list of changed layers: changes of one kind at one step are one line. */
import type { LayerChange } from '../../api/schema.gen';

interface ChangeLine {
  step: number;
  change: LayerChange['change'];
  layers: string[];
  /** Name of the layer; '' if there are several. */
  detail: string;
}

/** Ordered by step, the newest first. */
export function changeLines(changes: readonly LayerChange[]): ChangeLine[] {
  const lines = new Map<string, ChangeLine>();
  for (const one of changes) {
    const key = `${one.step} ${one.change}`;
    const line = lines.get(key);
    if (line) {
      line.layers.push(one.layer);
      line.detail = '';
    } else lines.set(key, { step: one.step, change: one.change, layers: [one.layer], detail: one.detail });
  }
  return [...lines.values()].sort((a, b) => b.step - a.step);
}

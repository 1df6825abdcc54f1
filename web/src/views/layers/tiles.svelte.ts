/** A matrix of many rows is shown, and asked for, in tiles of rows: those in sight. */
import { untrack } from 'svelte';
import type { ApiError, LayerValues } from '../../api/client';
import type { LayerTensor } from '../../api/schema.gen';
import { Resource } from '../../state/resource.svelte';

/** Rows of a tile. */
export const TILE = 64;
/** Most steps of a matrix. */
export const MATRIX_STEPS = 600;

/** Number of the first tile in sight, and of the one behind the last, when so many pixels from `top` on are. */
export function tilesInSight(top: number, height: number, rowPx: number, nRows: number): [number, number] {
  const n = Math.max(1, Math.ceil(nRows / TILE));
  const first = Math.min(n - 1, Math.max(0, Math.floor(top / rowPx / TILE)));
  return [first, Math.min(n, Math.max(first + 1, Math.ceil((top + height) / rowPx / TILE)))];
}

export interface Assembled {
  steps: Float64Array;
  /** [row, step], row by row; NaN where a tile has not arrived. */
  values: Float32Array;
  nonfinite: Float32Array;
}

/** Tensors, `TILE` to a tile, as one matrix over the steps of the tile that has most: others may be from before the run grew. */
export function assemble(tensors: readonly LayerTensor[], tiles: readonly (LayerValues | null)[]): Assembled {
  const steps = tiles.reduce<Float64Array>((most, tile) => (tile && tile.steps.length > most.length ? tile.steps : most), new Float64Array());
  const n = steps.length;
  const values = new Float32Array(tensors.length * n).fill(NaN);
  const nonfinite = new Float32Array(tensors.length * n);
  const name = (row: LayerTensor) => `${row.layer}/${row.tensor}`;
  tiles.forEach((tile, number) => {
    if (!tile) return;
    const rows = new Map(tile.rows.map((row, i) => [name(row), i]));
    const width = tile.steps.length;
    // Of as many steps the same column stands for the same stretch, even where a NaN made a tile take another step of it.
    const columns = width === n ? null : new Map(Array.from(tile.steps, (step, i) => [step, i]));
    tensors.slice(number * TILE, (number + 1) * TILE).forEach((tensor, i) => {
      const source = rows.get(name(tensor));
      if (source === undefined) return;
      for (let c = 0; c < n; c++) {
        const column = columns ? columns.get(steps[c]!) : c;
        if (column === undefined) continue;
        values[(number * TILE + i) * n + c] = tile.values[source * width + column]!;
        nonfinite[(number * TILE + i) * n + c] = tile.nonfinite[source * width + column]!;
      }
    });
  });
  return { steps, values, nonfinite };
}

/** A statistic of many tensors in tiles of `TILE` rows: those in sight are asked for, those that were in sight are kept. */
export class Tiles {
  #asked = $state.raw<ReadonlyMap<number, Resource<LayerValues>>>(new Map());
  #subject = '';

  /** Ask for some tiles that are new or grew; those of another subject are forgotten. */
  ask(subject: string, revision: number, numbers: readonly number[], question: (tile: number, signal: AbortSignal) => Promise<LayerValues>): void {
    const known = new Map(subject === this.#subject ? untrack(() => this.#asked) : []);
    const fresh = numbers.filter((number) => !known.has(number));
    for (const number of fresh) known.set(number, new Resource());
    if (subject !== this.#subject) for (const one of untrack(() => this.#asked).values()) one.rest();
    if (fresh.length || subject !== this.#subject) this.#asked = known;
    this.#subject = subject;
    for (const number of numbers) void known.get(number)!.ask(subject, revision, (signal) => question(number, signal));
  }

  get(number: number): LayerValues | null {
    return this.#asked.get(number)?.value ?? null;
  }

  /** All that arrived so far, with their numbers. */
  get all(): (readonly [number, LayerValues])[] {
    return [...this.#asked].flatMap(([number, one]) => (one.value ? [[number, one.value] as const] : []));
  }

  get problem(): ApiError | null {
    return [...this.#asked.values()].find((one) => one.problem)?.problem ?? null;
  }
}

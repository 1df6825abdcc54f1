/** Loads the matrix of many tensors in tiles, only those of the rows in sight. */
import { untrack } from 'svelte';
import type { ApiError, LayerValues } from '../../api/client';
import type { LayerTensor, Stat } from '../../api/schema.gen';
import { Resource } from '../../state/resource.svelte';

/** Tensors per tile. */
export const TILE = 64;
/** Rows are drawn in blocks of this many. */
const STRETCH = 64;
/** Most steps of a matrix. */
export const MATRIX_STEPS = 600;

/** The first row to draw, and one past the last, if this many pixels from `top` on are in sight: whole blocks. */
export function rowsInSight(top: number, height: number, rowPx: number, nRows: number): [number, number] {
  const n = Math.max(1, Math.ceil(nRows / STRETCH));
  const first = Math.min(n - 1, Math.max(0, Math.floor(top / rowPx / STRETCH)));
  const end = Math.min(n, Math.max(first + 1, Math.ceil((top + height) / rowPx / STRETCH)));
  return [first * STRETCH, Math.min(nRows, end * STRETCH)];
}

/** Indices of the tiles that hold these tensors. */
export function tilesOf(members: Iterable<number>): number[] {
  return [...new Set(Array.from(members, (place) => Math.floor(place / TILE)))].sort((a, b) => a - b);
}

interface Assembled {
  steps: Float64Array;
  /** [row, step], row by row; NaN where a tile has not arrived. */
  values: Float32Array;
  /** Range of the tensors of a row, like `values`. */
  least: Float32Array;
  most: Float32Array;
  /** How many values were NaN or infinite, in all tensors of a row. */
  nonfinite: Float32Array;
  /** Share of a row's tensors with such values. */
  broken: Float32Array;
}

/**
 * Assemble rows of one or several tensors into one matrix over the steps of the longest tile: others may predate the run's growth.
 *
 * A row of several tensors is their median; for min the smallest, for max the largest, for counts the sum.
 */
export function assemble(rows: readonly (readonly number[])[], tensors: readonly LayerTensor[], get: (tile: number) => LayerValues | null, stat: Stat): Assembled {
  const tiles = new Map(tilesOf(rows.flat()).map((number) => [number, get(number)]));
  let steps = new Float64Array();
  for (const tile of tiles.values()) if (tile && tile.steps.length > steps.length) steps = tile.steps as typeof steps;
  const n = steps.length;
  const name = (row: LayerTensor) => `${row.layer}/${row.tensor}`;
  const sources = new Map([...tiles].flatMap(([number, tile]) => (tile ? [[number, { tile, rows: new Map(tile.rows.map((row, i) => [name(row), i])), columns: columnsOf(tile, steps) }] as const] : [])));
  const blank = () => new Float32Array(rows.length * n).fill(NaN);
  const found = { steps, values: blank(), least: blank(), most: blank(), nonfinite: new Float32Array(rows.length * n), broken: new Float32Array(rows.length * n) };
  rows.forEach((members, row) => {
    const parts = members.flatMap((place) => {
      const source = sources.get(Math.floor(place / TILE));
      const at = source?.rows.get(name(tensors[place]!));
      return source && at !== undefined ? [{ ...source, start: at * source.tile.steps.length }] : [];
    });
    const column = new Float32Array(parts.length);
    for (let c = 0; c < n; c++) {
      let filled = 0;
      for (const { tile, columns, start } of parts) {
        const from = columns ? columns[c]! : c;
        if (from < 0) continue;
        const strange = tile.nonfinite[start + from]!;
        found.nonfinite[row * n + c]! += strange;
        if (strange > 0) found.broken[row * n + c]! += 1 / parts.length;
        const value = tile.values[start + from]!;
        if (!Number.isNaN(value)) column[filled++] = value;
      }
      if (!filled) continue;
      const some = filled > 1 ? column.subarray(0, filled).sort() : column;
      found.least[row * n + c] = some[0]!;
      found.most[row * n + c] = some[filled - 1]!;
      found.values[row * n + c] = filled > 1 ? summary(some, stat) : some[0]!;
    }
  });
  return found;
}

/** Index of each step in a tile, -1 if it is missing; null if the tile has the same steps. */
function columnsOf(tile: LayerValues, steps: Float64Array): Int32Array | null {
  // With as many steps, a column covers the same stretch, even if a NaN made a tile choose another step of it.
  if (tile.steps.length === steps.length) return null;
  const places = new Map(Array.from(tile.steps, (step, i) => [step, i]));
  return Int32Array.from(steps, (step) => places.get(step) ?? -1);
}

function summary(sorted: Float32Array, stat: Stat): number {
  const last = sorted.length - 1;
  if (stat === 'min') return sorted[0]!;
  if (stat === 'max') return sorted[last]!;
  if (stat === 'nonfinite') return sorted.reduce((a, b) => a + b, 0);
  return sorted[last >> 1]! / 2 + sorted[(last + 1) >> 1]! / 2;
}

/** A statistic of many tensors in tiles of `TILE`: those in sight are requested, those seen before are kept. */
export class Tiles {
  #asked = $state.raw<ReadonlyMap<number, Resource<LayerValues>>>(new Map());
  #subject = '';

  /** Request tiles that are new or grew; those of another subject are dropped. */
  ask(subject: string, revision: number, numbers: readonly number[], question: (tile: number, signal: AbortSignal) => Promise<LayerValues>): void {
    const known = new Map(subject === this.#subject ? untrack(() => this.#asked) : []);
    const fresh = numbers.filter((number) => !known.has(number));
    for (const number of fresh) known.set(number, new Resource());
    if (subject !== this.#subject) this.rest();
    if (fresh.length || subject !== this.#subject) this.#asked = known;
    this.#subject = subject;
    for (const number of numbers) void known.get(number)!.ask(subject, revision, (signal) => question(number, signal));
  }

  /** Stop fetching; the last answers stay. */
  rest(): void {
    for (const one of untrack(() => this.#asked).values()) one.rest();
  }

  get(number: number): LayerValues | null {
    return this.#asked.get(number)?.value ?? null;
  }

  /** Whether any has arrived. */
  get hasSome(): boolean {
    return [...this.#asked.values()].some((one) => one.value);
  }

  get problem(): ApiError | null {
    return [...this.#asked.values()].find((one) => one.problem)?.problem ?? null;
  }
}

/** One stored array on screen: its facts, its singular values and the tiles of its picture, fetched as they come into sight. */
import { SvelteMap } from 'svelte/reactivity';
import { untrack } from 'svelte';
import { ApiError, api, type TensorPart, type TensorReply, type TensorTile } from '../../api/client';
import type { CellOf, TensorFacts, TensorSpectrum } from '../../api/schema.gen';
import { begin } from '../../chart/busy';
import { nameOfTile, type Indexed, type TileAt } from '../../chart/tiled';
import { Resource } from '../../state/resource.svelte';

const MOST_TILES = 160;
const AT_ONCE = 6;
/** Multiplications that take about half a second; more are computed on request. */
const QUICK_SPECTRUM = 2e9;

export interface Spectrum {
  values: Float64Array;
  facts: TensorSpectrum;
}

/** Found so far of each tensor, for the list: "model tensor" to its norm, effective rank, and how many NaN and infinities; of a sample if the share is below 1. */
export const known = new SvelteMap<string, { norm: number; rank: number; nonfinite: number; share: number }>();

/** Tensors of one request. */
const BATCH = 32;
const asking = new Set<string>();

/** Find out the norms of these tensors, those of one batch after the other. */
export async function askNorms(model: string, tensors: readonly number[], signal: AbortSignal): Promise<void> {
  const fresh = tensors.filter((tensor) => !known.has(nameOf(model, tensor)) && !asking.has(nameOf(model, tensor)));
  for (let i = 0; i < fresh.length && !signal.aborted; i += BATCH) {
    const some = fresh.slice(i, i + BATCH);
    for (const tensor of some) asking.add(nameOf(model, tensor));
    try {
      const { norms, nonfinite, shares } = await api.tensorNorms(model, some, signal);
      some.forEach((tensor, at) => {
        // The whole array may have been read meanwhile.
        const before = known.get(nameOf(model, tensor));
        if (!before || before.share < shares[at]!) note(model, tensor, { norm: norms[at]!, nonfinite: nonfinite[at]!, share: shares[at]! });
      });
    } catch (error) {
      // The list does without.
      if (!signal.aborted && !(error instanceof ApiError)) throw error;
    } finally {
      for (const tensor of some) asking.delete(nameOf(model, tensor));
    }
  }
}

function nameOf(model: string, tensor: number): string {
  return `${model} ${tensor}`;
}

export class OpenTensor {
  readonly reply = new Resource<TensorReply>();
  readonly spectrum = new Resource<Spectrum>();
  /** Grows with every tile that arrives. */
  revision = $state(0);
  /** Why a tile is missing. */
  problem = $state('');
  #subject = '';
  #part: TensorPart | null = null;
  readonly #tiles = new Map<string, TensorTile>();
  #wanted: { at: TileAt; of: CellOf }[] = [];
  readonly #underWay = new Map<string, AbortController>();
  #done: (() => void) | null = null;

  /** Call in an effect. */
  follow(part: TensorPart): void {
    const subject = [part.model, part.tensor, part.index.join(','), part.isColour].join(' ');
    untrack(() => {
      if (subject !== this.#subject) {
        this.#forget();
        this.#subject = subject;
        this.spectrum.clear();
      }
      this.#part = part;
    });
    void this.reply.ask(subject, 0, async (signal) => {
      const reply = await api.tensor(part, signal);
      note(part.model, part.tensor, { norm: reply.facts.l2 ?? NaN, nonfinite: reply.facts.nan + reply.facts.infinite, share: reply.facts.share });
      return reply;
    });
  }

  /** Whether the singular values can be computed without being asked for. */
  get isQuick(): boolean {
    const facts = this.reply.value?.facts;
    if (!facts || facts.shape.length < 2) return false;
    const [rows, columns] = facts.picture.order ? [facts.shape[0]!, facts.n / facts.shape[0]!] : [facts.picture.rows, facts.picture.columns];
    return rows * columns * Math.min(rows, columns) <= QUICK_SPECTRUM;
  }

  askSpectrum(): void {
    const part = this.#part;
    if (!part) return;
    void this.spectrum.ask(this.#subject, 0, async (signal) => {
      const found = await api.tensorSpectrum(part, signal);
      note(part.model, part.tensor, { rank: found.facts.effective_rank ?? NaN });
      return found;
    });
  }

  tile(at: TileAt, of: CellOf): TensorTile | undefined {
    return this.#tiles.get(`${of} ${nameOfTile(at)}`);
  }

  /** Tiles that have arrived, coarse ones first. */
  *arrived(of: CellOf): Generator<[TileAt, TensorTile]> {
    const found: [TileAt, TensorTile][] = [];
    for (const [name, tile] of this.#tiles) {
      const [how, ...numbers] = name.split(' ');
      const [rows, columns, row, column] = numbers.map(Number) as [number, number, number, number];
      if (how === of) found.push([{ levels: [rows, columns], row, column }, tile]);
    }
    found.sort(([a], [b]) => b.levels[0] + b.levels[1] - a.levels[0] - a.levels[1]);
    yield* found;
  }

  /** Fetch these tiles, in this order; those that are no longer wanted are given up. */
  want(tiles: readonly TileAt[], of: CellOf): void {
    const names = new Set(tiles.map((at) => `${of} ${nameOfTile(at)}`));
    for (const [name, stop] of this.#underWay) if (!names.has(name)) stop.abort();
    this.#wanted = tiles.filter((at) => !this.tile(at, of) && !this.#underWay.has(`${of} ${nameOfTile(at)}`)).map((at) => ({ at, of }));
    this.#next();
  }

  close(): void {
    this.reply.rest();
    this.spectrum.rest();
    this.#forget();
  }

  #forget(): void {
    this.#wanted = [];
    for (const stop of this.#underWay.values()) stop.abort();
    this.#tiles.clear();
    this.problem = '';
    this.#settle();
  }

  #next(): void {
    while (this.#wanted.length && this.#underWay.size < AT_ONCE) {
      const { at, of } = this.#wanted.shift()!;
      void this.#fetch(at, of);
    }
    if (!this.#underWay.size) this.#settle();
  }

  async #fetch(at: TileAt, of: CellOf): Promise<void> {
    const [name, subject, stop] = [`${of} ${nameOfTile(at)}`, this.#subject, new AbortController()];
    this.#underWay.set(name, stop);
    this.#done ??= begin();
    try {
      const tile = await api.tensorTile(this.#part!, of, at.levels, [at.row, at.column], stop.signal);
      if (subject !== this.#subject) return;
      this.#tiles.set(name, tile);
      if (this.#tiles.size > MOST_TILES) this.#tiles.delete(this.#tiles.keys().next().value!);
      this.problem = '';
      this.revision++;
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.problem = error.message;
    } finally {
      if (this.#underWay.get(name) === stop) this.#underWay.delete(name);
      this.#next();
    }
  }

  #settle(): void {
    this.#done?.();
    this.#done = null;
  }
}

function note(model: string, tensor: number, found: { norm?: number; rank?: number; nonfinite?: number; share?: number }): void {
  const name = nameOf(model, tensor);
  known.set(name, { norm: NaN, rank: NaN, nonfinite: NaN, share: 0, ...known.get(name), ...found });
}

/** What `indexOf` needs. */
export function indexed({ shape, picture }: TensorFacts): Indexed {
  const { order, unit_rows, unit_columns, columns, is_colour, kind } = picture;
  return { shape, order, unit: [unit_rows, unit_columns], columns, isColour: is_colour, isGrid: kind === 'grid' };
}

/** Limit of the colours: the magnitude below which this share of the values lies; 1 if all are zero. */
export function limitOf({ limits, facts }: TensorReply, share: number): number {
  const at = Math.max(0, Math.min(limits.length - 1, Math.round((share - 0.9) * 10 * (limits.length - 1))));
  for (let i = at; i < limits.length; i++) if (limits[i]! > 0) return limits[i]!;
  return Math.max(Math.abs(facts.min ?? 0), Math.abs(facts.max ?? 0)) || 1;
}

/** Python that reads what is on screen. */
export function numpyCode(name: string, path: string, shape: readonly number[], rows: readonly [number, number] | null): string {
  const part = rows && shape.length > 1 && (rows[0] > 0 || rows[1] < shape[0]!) ? `, slice(${rows[0]}, ${rows[1]})` : '';
  return `netscope.open_model(${JSON.stringify(path)}).read(${JSON.stringify(name)}${part})`;
}

/** The curves behind the sparklines: one request for all rows in sight, repeated when their runs grow. */
import { api } from '../../api/client';
import type { Run } from '../../api/schema.gen';

export interface Line {
  x: ArrayLike<number>;
  y: Float32Array;
}

/** About the width of a sparkline; the reply has two points per pixel column. */
const PX = 60;
/** Wait a moment, because rows come into sight one by one while scrolling and running ones grow all the time. */
const WAIT_MS = 60;
const PAUSE_MS = 2000;

export class Sparklines {
  /** What `curveKey` chooses from. */
  choices = $state.raw<readonly string[]>([]);
  #lines = $state.raw<ReadonlyMap<string, Line>>(new Map());
  /** The revision at which a line was requested, by its name. */
  readonly #revisions = new Map<string, number>();
  #wanted: { keys: readonly string[]; runs: readonly Run[] } = { keys: [], runs: [] };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;

  /** Undefined until it has arrived. */
  of(run: string, key: string): Line | undefined {
    return this.#lines.get(nameOf(run, key));
  }

  /** Request the curves of these keys of these runs, instead of earlier ones. */
  want(keys: readonly string[], runs: readonly Run[]): void {
    this.#wanted = { keys, runs };
    if (this.#asking || this.#timer !== undefined || !this.#missing().length) return;
    const isNew = this.#missing().some((run) => keys.some((key) => !this.#revisions.has(nameOf(run.id, key))));
    this.#timer = setTimeout(() => void this.#ask(), isNew ? WAIT_MS : PAUSE_MS);
  }

  #missing(): Run[] {
    const { keys, runs } = this.#wanted;
    return runs.filter((run) => keys.some((key) => this.#revisions.get(nameOf(run.id, key)) !== run.revision));
  }

  async #ask(): Promise<void> {
    this.#timer = undefined;
    const [keys, missing] = [this.#wanted.keys, this.#missing()];
    if (!missing.length) return;
    this.#asking = true;
    try {
      const reply = await api.series({ runs: missing.map((run) => run.id), keys: [...keys], px: PX });
      const lines = new Map(this.#lines);
      for (const run of missing) {
        for (const key of keys) {
          this.#revisions.set(nameOf(run.id, key), run.revision);
          lines.set(nameOf(run.id, key), { x: [], y: new Float32Array() });
        }
      }
      for (const { run, key, start, x_start, n, ghost } of reply.series) {
        if (!ghost) lines.set(nameOf(run, key), { x: reply.x.subarray(x_start, x_start + n), y: reply.y!.subarray(start, start + n) });
      }
      this.#lines = lines;
      this.#asking = false;
      this.want(this.#wanted.keys, this.#wanted.runs);
    } catch {
      // Requested again with the next row in sight, or when a run grows.
      this.#asking = false;
    }
  }
}

function nameOf(run: string, key: string): string {
  return `${run}\n${key}`;
}

/** The cells of the table. */
export const inTable = new Sparklines();

/** Sends requests to the layout worker, and uses the answer to the last one. */
import type { Base, Drawing, Wish } from '../../graph/engine';
import type { Answer, Question } from '../../graph/worker';

export class Drawer {
  readonly #worker = new Worker(new URL('../../graph/worker.ts', import.meta.url), { type: 'module', name: 'layout' });
  readonly #tell: (drawing: Drawing, tookMs: number) => void;
  readonly #fail: (problem: string) => void;
  #ticket = 0;
  #base: Base | null = null;

  constructor(tell: (drawing: Drawing, tookMs: number) => void, fail: (problem: string) => void) {
    this.#tell = tell;
    this.#fail = fail;
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#take(data);
    this.#worker.onerror = (event) => this.#fail(event.message);
  }

  /** Another graph; the bytes are copied. */
  open(pack: ArrayBuffer): void {
    this.#ticket++;
    this.#worker.postMessage({ pack } satisfies Question);
  }

  draw(wish: Wish): void {
    this.#worker.postMessage({ wish, ticket: ++this.#ticket } satisfies Question);
  }

  close(): void {
    this.#worker.terminate();
  }

  #take({ ticket, drawing, problem, took }: Answer): void {
    if (drawing?.base) this.#base = drawing.base;
    if (ticket !== this.#ticket) return;
    if (drawing) this.#tell({ ...drawing, base: this.#base! }, took);
    else this.#fail(problem ?? '');
  }
}

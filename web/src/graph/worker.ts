/** The layout worker: it gets a pack once and answers requests for drawings, of several pending ones only the last. */
import { Engine, type Base, type Drawing, type Wish } from './engine';

export type Question = { pack: ArrayBuffer } | { wish: Wish; ticket: number };

export interface Answer {
  ticket: number;
  /** Without the base where the page has it already. */
  drawing?: Omit<Drawing, 'base'> & { base: Base | null };
  problem?: string;
  took: number;
}

let engine: Engine | null = null;
let told: Base | null = null;
let waiting: { wish: Wish; ticket: number } | null = null;

self.onmessage = ({ data }: MessageEvent<Question>) => {
  if ('pack' in data) {
    engine = null;
    told = null;
    waiting = null;
    pack = data.pack;
    return;
  }
  if (!waiting) setTimeout(answer);
  waiting = data;
};

let pack: ArrayBuffer;

function answer(): void {
  if (!waiting) return;
  const { wish, ticket } = waiting;
  waiting = null;
  const began = performance.now();
  try {
    engine ??= new Engine(pack);
    const drawing = engine.draw(wish);
    const base = drawing.base === told ? null : drawing.base;
    told = drawing.base;
    const { scene } = drawing;
    // The large columns are handed over; the others are copied, as the engine goes on with them.
    const own = [scene.corners, scene.low, scene.high, scene.x, scene.y, scene.w, scene.h].map((column) => column.buffer as ArrayBuffer);
    self.postMessage({ ticket, drawing: { ...drawing, base }, took: performance.now() - began } satisfies Answer, { transfer: own });
  } catch (error) {
    self.postMessage({ ticket, problem: error instanceof Error ? error.message : String(error), took: performance.now() - began } satisfies Answer);
  }
}

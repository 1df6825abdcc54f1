/** Fetches something, and fetches it again when it grows: one request at a time, keeping the last answer until the next has arrived. */
import { untrack } from 'svelte';
import { ApiError } from '../api/client';
import { begin } from '../chart/busy';

/** Thrown by a request whose answer is no longer needed; what is on screen stays. */
export class Outdated extends Error {}

/** For the `catch` of a request about runs: one that was deleted a moment ago is no problem, since the list of runs will say so. */
export function unlessGone(error: unknown): never {
  throw error instanceof ApiError && error.status === 404 ? new Outdated() : error;
}

export interface Pace {
  /** Something that grew is requested no more often than this. */
  calmMs?: number;
  /** All resources with this pace send their requests at the same moments, so that these can be combined. */
  isOnBeat?: boolean;
  /** A new subject waits this long, so that a drag does not cause a request at every pixel. */
  delayMs?: number;
  /** The answer about the previous subject stays until the new one has arrived. */
  keepsOthers?: boolean;
}

interface Wish<T> {
  subject: string;
  revision: string | number;
  question: Question<T>;
}

export type Question<T> = (signal: AbortSignal) => Promise<T>;

export class Resource<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<ApiError | null>(null);
  readonly #pace: Pace;
  /** What `value` is about. */
  #subject: string | null = null;
  #wish: Wish<T> | null = null;
  #underWay: { wish: Wish<T>; stop: AbortController } | null = null;
  #askedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The next request does not wait for its turn. */
  #isUrgent = false;
  /** Tells `chart/busy` that no urgent answer is awaited any more. */
  #waits: (() => void) | null = null;

  constructor(pace: Pace = {}) {
    this.#pace = { calmMs: 1000, ...pace };
  }

  /**
   * Call again whenever something changed; cheap if nothing did. Resolves when a request that was sent at once is answered.
   *
   * `subject` is what the request is about: when it changes, the request in flight is aborted and the new one sent.
   * `revision` changes when there may be more: the request in flight may finish, otherwise something that grows fast would never be
   * shown, and the next waits for its turn unless it `isUrgent`.
   */
  ask(subject: string, revision: string | number, question: Question<T>, isUrgent = false): Promise<void> {
    const before = this.#wish;
    if (before?.subject === subject && before.revision === revision) return Promise.resolve();
    const isOther = this.#subject !== subject;
    this.#subject = subject;
    this.#wish = { subject, revision, question };
    return untrack(() => {
      if (isOther) {
        this.#underWay?.stop.abort();
        this.#underWay = null;
        if (!this.#pace.keepsOthers) this.value = this.problem = null;
      }
      if (isOther || isUrgent) {
        this.#isUrgent = true;
        this.#waits ??= begin();
      }
      return this.#plan(isOther && !isUrgent ? (this.#pace.delayMs ?? 0) : 0);
    });
  }

  /** Repeat a failed request. */
  retry(): void {
    if (this.#wish && !this.#underWay) void this.#send();
  }

  /** Stop fetching; the last answer stays. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#wish = null;
    this.#underWay?.stop.abort();
    this.#settle();
  }

  /** Stop fetching, and forget the last answer. */
  clear(): void {
    this.rest();
    this.#subject = this.#underWay = null;
    this.value = this.problem = null;
  }

  #plan(delayMs: number): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#underWay) return Promise.resolve();
    const wait = this.#isUrgent ? delayMs : this.#calm();
    if (wait <= 0) return this.#send();
    this.#timer = setTimeout(() => void this.#send(), wait);
    return Promise.resolve();
  }

  /** Milliseconds until something that grew may be requested. */
  #calm(): number {
    const { calmMs = 0, isOnBeat } = this.#pace;
    const now = performance.now();
    return isOnBeat ? calmMs - (now % calmMs) : this.#askedAt + calmMs - now;
  }

  async #send(): Promise<void> {
    const wish = this.#wish!;
    const stop = new AbortController();
    const isCurrent = () => this.#underWay?.stop === stop;
    this.#underWay = { wish, stop };
    this.#askedAt = performance.now();
    this.#isUrgent = false;
    try {
      const value = await wish.question(stop.signal);
      if (!isCurrent()) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (stop.signal.aborted || error instanceof Outdated) return;
      if (!(error instanceof ApiError)) throw error;
      this.problem = error;
    } finally {
      if (isCurrent()) {
        this.#underWay = null;
        if (this.#wish && this.#wish !== wish) void this.#plan(0);
        if (!this.#underWay && !this.#isUrgent) this.#settle();
      }
    }
  }

  #settle(): void {
    this.#waits?.();
    this.#waits = null;
  }
}

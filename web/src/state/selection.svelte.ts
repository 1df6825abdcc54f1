/** The one selection: view, shown runs, and one of each kind in `address.ts`. It is kept in the address bar, and every view follows it. */
import { BASE } from '../api/client';
import { decode, encode, NOTHING, type Selection } from './address';

/** A drag makes hundreds of changes a second; browsers allow about a hundred replacements in 30 s. */
const WRITE_MS = 350;

class SelectionState {
  #now = $state.raw<Selection>(NOTHING);
  #written = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writtenAt = -Infinity;

  /** Which runs are listed; '': every run. */
  readonly filter: string = $derived(this.#now.more['filter'] ?? '');

  constructor() {
    // Each part is tracked separately, so reading the step does not depend on the layer. Through `now`, because what is
    // read directly from a private field in a constructor is not tracked.
    for (const part of Object.keys(NOTHING) as (keyof Selection)[]) {
      const value = $derived(this.now[part]);
      Object.defineProperty(this, part, { get: () => value });
    }
    this.#read();
    addEventListener('popstate', () => this.#read());
    addEventListener('hashchange', () => this.#read());
    addEventListener('pagehide', () => this.#flush());
  }

  /** Everything at once, for links and for saving. */
  get now(): Selection {
    return this.#now;
  }

  /** A click: a new entry in the history, so that Back undoes it. */
  set(change: Partial<Selection>): void {
    this.#flush();
    this.#now = { ...this.#now, ...change };
    const address = encode(this.#now);
    if (address === this.#written) return;
    this.#written = address;
    history.pushState(null, '', BASE + address);
  }

  /** A drag, a playing step or a default: replaces the current entry of the history, at once after a pause, so that a reload keeps it. */
  replace(change: Partial<Selection>): void {
    this.#now = { ...this.#now, ...change };
    clearTimeout(this.#timer);
    const wait = this.#writtenAt + WRITE_MS - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#flush(), wait);
    else this.#flush();
  }

  /** A setting of one view; null or '' removes it. */
  setMore(name: string, value: string | null, how: 'set' | 'replace' = 'replace'): void {
    const { [name]: _old, ...rest } = this.#now.more;
    this[how]({ more: value ? { ...rest, [name]: value } : rest });
  }

  /** Address of a changed selection, for links that can be opened in a new tab. */
  href(change: Partial<Selection>): string {
    return BASE + encode({ ...this.#now, ...change });
  }

  /** Follow a link within the page; a click that asks for a new tab is left to the browser. */
  follow(event: MouseEvent, change: Partial<Selection>): void {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.set(change);
  }

  #read(): void {
    clearTimeout(this.#timer);
    this.#now = decode(new URL(location.href), BASE);
    this.#written = encode(this.#now);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    const address = encode(this.#now);
    if (address === this.#written) return;
    this.#written = address;
    this.#writtenAt = performance.now();
    history.replaceState(null, '', BASE + address);
  }
}

export const selection = new SelectionState() as SelectionState & Readonly<Selection>;

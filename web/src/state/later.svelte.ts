/** A component that no visit begins with, such as a dialog: loaded once the page is idle, or when it is first shown. */
import type { Component } from 'svelte';
import { i18n } from './i18n.svelte';
import { complain } from './toasts.svelte';

export class Later<Loaded extends Component<never>> {
  readonly #import: () => Promise<{ default: Loaded }>;
  #component = $state.raw<Loaded | null>(null);
  #question: Promise<void> | null = null;

  constructor(load: () => Promise<{ default: Loaded }>) {
    this.#import = load;
  }

  /** Null until it is loaded; reading it requests it. */
  get component(): Loaded | null {
    if (!this.#component) this.#load().catch(() => complain(i18n.t.shell.failedView, { label: i18n.t.shell.reload, run: () => location.reload() }));
    return this.#component;
  }

  /** Load it before it is needed. */
  prefetch(): void {
    this.#load().catch(() => undefined);
  }

  #load(): Promise<void> {
    this.#question ??= this.#import()
      .then((file) => void (this.#component = file.default))
      .catch((error: unknown) => {
        // Requested again the next time.
        this.#question = null;
        throw error;
      });
    return this.#question;
  }
}

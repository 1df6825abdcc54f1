/** Light or dark: the system's setting unless the user chose one. */
import type { Theme } from '../ui/colours';
import { keep, recall } from './stored';

export type Wish = 'system' | Theme;

class ThemeState {
  wish = $state<Wish>(recall<Wish>('theme', 'system'));
  #system = $state<Theme>('light');
  /** The theme on screen; canvases read their colours again when it changes. */
  readonly shown = $derived<Theme>(this.wish === 'system' ? this.#system : this.wish);

  constructor() {
    const dark = globalThis.matchMedia?.('(prefers-color-scheme: dark)');
    if (dark) {
      this.#system = dark.matches ? 'dark' : 'light';
      dark.addEventListener('change', (event) => (this.#system = event.matches ? 'dark' : 'light'));
    }
    this.#apply();
  }

  set(wish: Wish): void {
    this.wish = wish;
    keep('theme', wish);
    this.#apply();
  }

  /** The next of system, light, dark. */
  next(): void {
    this.set(this.wish === 'system' ? 'light' : this.wish === 'light' ? 'dark' : 'system');
  }

  #apply(): void {
    const root = document.documentElement;
    if (this.wish === 'system') delete root.dataset['theme'];
    else root.dataset['theme'] = this.wish;
  }
}

export const theme = new ThemeState();

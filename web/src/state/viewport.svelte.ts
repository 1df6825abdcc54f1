/** The size of the window, where scripts depend on it. */
import breakpoints from '../ui/breakpoints.json';

const narrow = globalThis.matchMedia?.(breakpoints['--narrow']);

class Viewport {
  /** The width of a phone; in styles `@media (--narrow)`. */
  isNarrow = $state(narrow?.matches ?? false);

  constructor() {
    narrow?.addEventListener('change', () => (this.isNarrow = narrow.matches));
  }
}

export const viewport = new Viewport();

/** How large the window is, where that is more than a matter of style. */
import breakpoints from '../ui/breakpoints.json';

const narrow = globalThis.matchMedia?.(breakpoints['--narrow']);

class Viewport {
  /** As on a phone; in styles `@media (--narrow)`. */
  isNarrow = $state(narrow?.matches ?? false);

  constructor() {
    narrow?.addEventListener('change', () => (this.isNarrow = narrow.matches));
  }
}

export const viewport = new Viewport();

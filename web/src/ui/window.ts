/** Which rows of a long list are in sight. */

interface Sight {
  /** Rows first to last - 1 are drawn. */
  first: number;
  last: number;
  /** Where row `first` lies, in px from the top of the scrolled content. */
  top: number;
  /** Height of the scrolled content in px. */
  height: number;
}

/** Browsers lay out nothing taller than about 17 to 33 million px. */
export const TALLEST = 15_000_000;

/** The rows to draw of `n`, each `row` px high, in a box `box` px high that is scrolled to `scroll`, with some more on either side. */
export function sight(scroll: number, box: number, row: number, n: number, spare = 8): Sight {
  const real = n * row;
  const height = Math.min(real, TALLEST);
  const most = Math.max(0, height - box);
  const at = Math.min(Math.max(0, scroll), most);
  // Beyond the tallest content, a px of scrolling is several rows.
  const shift = most > 0 && real > height ? (at / most) * (real - box) - at : 0;
  const first = Math.max(0, Math.floor((at + shift) / row) - spare);
  const last = Math.min(n, Math.ceil((at + shift + box) / row) + spare);
  return { first, last, top: first * row - shift, height };
}

/** Where to scroll so that row `index` is in sight; `scroll` itself if it already is. */
export function reveal(index: number, scroll: number, box: number, row: number, n: number): number {
  const height = Math.min(n * row, TALLEST);
  if (n * row > TALLEST) {
    const now = sight(scroll, box, row, n, 0);
    if (index > now.first && index < now.last - 1) return scroll;
    return (Math.max(0, index * row - box / 2) / (n * row - box)) * (height - box);
  }
  if (index * row < scroll) return index * row;
  if ((index + 1) * row > scroll + box) return (index + 1) * row - box;
  return scroll;
}

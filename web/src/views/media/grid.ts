/** How cards fill the width of the page. */
import type { AssetKind } from '../../api/schema.gen';
import { lookOf } from './kinds';

/** Between cards, in px. */
export const GAP_PX = 12;

/** Cards grow up to this multiple of the desired size before space stays empty. */
const MOST_GROWTH = 2.4;

/**
 * The number of columns for `n` items of about `size` px, so that they fill `width` px.
 *
 * As many as fit; if there are fewer items, they become wider, within limits.
 */
export function columnsFor(width: number, size: number, n: number, gap = GAP_PX): number {
  const fitting = Math.max(1, Math.floor((width + gap) / (size + gap)));
  if (n >= fitting) return fitting;
  const fewest = Math.ceil((width + gap) / (size * MOST_GROWTH + gap));
  return Math.max(1, Math.min(fitting, Math.max(n, fewest)));
}

/**
 * The number of columns for blocks that each take some cells of about `size` px, none split over two rows.
 *
 * Of the numbers near what fits, the one that leaves the least space empty.
 */
export function columnsForBlocks(width: number, size: number, blocks: readonly number[], gap = GAP_PX): number {
  const cells = blocks.reduce((sum, n) => sum + n, 0);
  const usual = columnsFor(width, size, cells, gap);
  let [best, least] = [usual, Infinity];
  for (let columns = Math.ceil(usual * 0.7); columns <= usual * 1.5; columns++) {
    const cost = 1 - cells / (columns * rowsOf(blocks, columns)) + 0.15 * Math.abs(Math.log(columns / usual));
    if (cost < least) [best, least] = [columns, cost];
  }
  return best;
}

function rowsOf(blocks: readonly number[], columns: number): number {
  let [rows, free] = [0, 0];
  for (const n of blocks) {
    if (n > free) {
      rows += Math.ceil(n / columns);
      free = n > columns ? 0 : columns;
    }
    free = Math.max(0, free - n);
  }
  return Math.max(1, rows);
}

/** How many columns of a group the card of one run takes; 'all': the key has a row of its own. */
export function spanOf(kind: AssetKind, isList: boolean, columnPx: number): number | 'all' {
  const { fillsRow, leastPx } = lookOf(kind);
  if (isList || fillsRow) return 'all';
  return Math.max(1, Math.ceil((leastPx + GAP_PX) / (columnPx + GAP_PX)));
}

/** The minimum width in px of a run's card if the key has a row of its own. */
export function panelPx(kind: AssetKind, size: number): number {
  return lookOf(kind).panelPx ?? Math.max(280, size * 1.5);
}

/** The desired width in px of an item of a contact sheet. */
export function thumbnailPx(kind: AssetKind, size: number, shape: readonly number[]): number {
  if (lookOf(kind).panelPx !== null) return panelPx(kind, size);
  const isSmall = kind !== 'figure' && Math.max(...shape.slice(0, 2), 1) <= 64;
  return Math.round(size * (kind === 'figure' ? 1 : isSmall ? 0.4 : 0.6));
}

/** The kinds of media: the order in which they are shown, and the room that each takes. `Item.svelte` draws them. */
import type { AssetKind } from '../../api/schema.gen';

interface MediaKind {
  /** Its file is an image that a browser draws. */
  isPicture: boolean;
  /** A key of this kind has a row of its own. */
  fillsRow: boolean;
  /** The least width of a card in px; 0: that of any column. */
  leastPx: number;
  /** The width of a card in a row of its own in px; null: it grows with the size that was chosen. */
  panelPx: number | null;
  /** The height of what is not loaded yet in px, if its shape does not say. */
  heightPx: number;
  /** The width in a cell of a table in px; null: that of its shape. */
  cellPx: number | null;
}

const REST: MediaKind = { isPicture: false, fillsRow: false, leastPx: 0, panelPx: null, heightPx: 120, cellPx: null };

/** Pictures are looked at first, tables and texts are read later. A kind without a row is shown last, in the room of `REST`. */
const KINDS: Partial<Record<AssetKind, Partial<MediaKind>>> = {
  image: { isPicture: true },
  figure: { isPicture: true, leastPx: 320 },
  array: { heightPx: 160, cellPx: 56 },
  audio: { leastPx: 260, panelPx: 260, heightPx: 64, cellPx: 180 },
  text: { leastPx: 340, panelPx: 340 },
  table: { fillsRow: true, panelPx: 520 },
  histogram: {},
};

export function lookOf(kind: AssetKind): MediaKind {
  return { ...REST, ...KINDS[kind] };
}

/** Its place among the kinds, from 0. */
export function rankOf(kind: AssetKind): number {
  const order = Object.keys(KINDS);
  return order.includes(kind) ? order.indexOf(kind) : order.length;
}

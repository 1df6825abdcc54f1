/** Where each section and card of a page of charts lies, and which of them are in sight: arithmetic, whatever the number of keys. */
import type { Section } from './sections';

export interface Measures {
  /** Inner width of the page. */
  width: number;
  /** Wished width of a card; cards are stretched so that a row is filled. */
  card: number;
  gap: number;
  head: number;
  /** Between sections. */
  space: number;
}

export interface Placed {
  section: Section;
  top: number;
  /** Where its cards begin. */
  cardsTop: number;
  bottom: number;
}

export interface Layout {
  columns: number;
  cardWidth: number;
  cardHeight: number;
  sections: Placed[];
  height: number;
}

export interface Item {
  key: string;
  section: Section;
  left: number;
  top: number;
}

const GAP = 10;
/** What may be scrolled before a card has to be there. */
export const SPARE = 160;

/** Of a page of charts: the inner width, and where its sections and cards lie. */
export interface Sheet {
  pad: number;
  layout: Layout;
}

/** Lay sections out on a page of a width, its padding included. `headless`: a single section of all there is. */
export function sheetOf(sections: readonly Section[], width: number, card: number, headless = false): Sheet {
  const pad = width < 560 ? 10 : 16;
  const inner = Math.max(0, width - 2 * pad);
  return { pad, layout: layOut(sections, { width: inner, card, gap: GAP, head: headless ? 14 : 36, space: 6 }) };
}

/** Cards that are in sight, or no further out of it than `spare`, when a page of a height was scrolled so far. */
export function inSight(layout: Layout, scroll: number, height: number, spare: number): Item[] {
  return layout.cardWidth > 0 ? itemsIn(layout, scroll - spare, scroll + height + spare, GAP) : [];
}

/** Sections that are. */
export function sectionsInSight(layout: Layout, scroll: number, height: number): Placed[] {
  return layout.sections.filter((s) => s.bottom > scroll - SPARE && s.top < scroll + height + SPARE);
}

/** Height of a card of this width: flatter when wide, never too small to read. */
export function cardHeight(width: number): number {
  return Math.round(Math.min(420, Math.max(190, width * 0.62)));
}

export function layOut(sections: readonly Section[], { width, card, gap, head, space }: Measures): Layout {
  const columns = Math.max(1, Math.floor((width + gap) / (Math.min(card, width) + gap)));
  const cardWidth = Math.floor((width - gap * (columns - 1)) / columns);
  const high = cardHeight(cardWidth);
  let top = 0;
  const placed = sections.map((section) => {
    const rows = section.open ? Math.ceil(section.keys.length / columns) : 0;
    const cardsTop = top + head;
    const bottom = cardsTop + rows * (high + gap);
    const one = { section, top, cardsTop, bottom };
    top = bottom + space;
    return one;
  });
  return { columns, cardWidth, cardHeight: high, sections: placed, height: top };
}

/** Cards that reach into [from, to]. */
export function itemsIn(layout: Layout, from: number, to: number, gap: number): Item[] {
  const stride = layout.cardHeight + gap;
  const items: Item[] = [];
  for (const { section, cardsTop, bottom } of layout.sections) {
    if (!section.open || bottom < from || cardsTop > to) continue;
    const first = Math.max(0, Math.floor((from - cardsTop) / stride)) * layout.columns;
    const last = Math.min(section.keys.length, (Math.floor((to - cardsTop) / stride) + 1) * layout.columns);
    for (let i = first; i < last; i++) {
      items.push({
        key: section.keys[i]!,
        section,
        left: (i % layout.columns) * (layout.cardWidth + gap),
        top: cardsTop + Math.floor(i / layout.columns) * stride,
      });
    }
  }
  return items;
}

/** Where each section and card of a page of charts lies, and which of them are in sight: arithmetic, whatever the number of keys. */
import type { Chart } from './charts';
import type { Section } from './sections';

export interface Measures {
  /** Inner width of the page. */
  width: number;
  /** Height of what is in sight of it; few charts share it. */
  height: number;
  /** Wished columns; null: as many as fit and as their number needs. */
  columns: number | null;
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
  columns: number;
  cardWidth: number;
}

export interface Layout {
  /** Of the widest card. */
  cardWidth: number;
  cardHeight: number;
  sections: Placed[];
  height: number;
}

export interface Item {
  chart: Chart;
  section: Section;
  left: number;
  top: number;
  width: number;
}

const GAP = 10;
/** What may be scrolled before a card has to be there. */
export const SPARE = 160;

/** Of a page of charts: the inner width, and where its sections and cards lie. */
export interface Sheet {
  pad: number;
  layout: Layout;
}

/** Lay sections out on a page of a size, its padding included. `headless`: a single section of all there is. */
export function sheetOf(sections: readonly Section[], [width, height]: readonly [number, number], columns: number | null, headless = false): Sheet {
  const pad = width < 560 ? 10 : 16;
  const inner = Math.max(0, width - 2 * pad);
  return { pad, layout: layOut(sections, { width: inner, height: height - pad, columns, gap: GAP, head: headless ? 14 : 36, space: 6 }) };
}

/** Cards that are in sight, or no further out of it than `spare`, when a page of a height was scrolled so far. */
export function inSight(layout: Layout, scroll: number, height: number, spare: number): Item[] {
  return layout.cardWidth > 0 ? itemsIn(layout, scroll - spare, scroll + height + spare, GAP) : [];
}

/** Sections that are. */
export function sectionsInSight(layout: Layout, scroll: number, height: number): Placed[] {
  return layout.sections.filter((s) => s.bottom > scroll - SPARE && s.top < scroll + height + SPARE);
}

/** Without a wish there are no more columns than these, and none narrower than that. */
const MOST_COLUMNS = 3;
const NARROWEST_PX = 400;
/** Nor narrower than this with one. */
const LEAST_PX = 220;

/** Height of a card of this width: flatter when wide, never too small to read. */
export function cardHeight(width: number): number {
  return Math.round(Math.min(420, Math.max(190, width * 0.62)));
}

function columnsOf({ width, columns, gap }: Measures): number {
  const fitting = (least: number) => Math.max(1, Math.floor((width + gap) / (least + gap)));
  return columns === null ? Math.min(MOST_COLUMNS, fitting(NARROWEST_PX)) : Math.min(columns, fitting(LEAST_PX));
}

export function layOut(sections: readonly Section[], measures: Measures): Layout {
  const { width, height, columns: wish, gap, head, space } = measures;
  const most = columnsOf(measures);
  const shapes = sections.map(({ charts, open }) => {
    // A row of fewer cards is filled by wider ones, and of four none is left alone in a second row.
    const columns = wish !== null || !charts.length ? most : charts.length === 4 && most === 3 ? 2 : Math.min(most, charts.length);
    return { columns, rows: open ? Math.ceil(charts.length / columns) : 0, width: Math.floor((width - gap * (columns - 1)) / columns) };
  });
  const widest = Math.max(0, ...shapes.filter((shape) => shape.rows).map((shape) => shape.width));
  const usual = Math.floor((width - gap * (most - 1)) / most);
  let high = cardHeight(usual);
  if (wish === null) high = Math.max(high, Math.min(roomFor(shapes, height, measures), Math.round(widest * 0.62)));
  let top = 0;
  const placed = sections.map((section, i) => {
    const { columns, rows, width: cardWidth } = shapes[i]!;
    const cardsTop = top + head;
    const bottom = cardsTop + rows * (high + gap);
    const one = { section, top, cardsTop, bottom, columns, cardWidth };
    top = bottom + space;
    return one;
  });
  return { cardWidth: widest || usual, cardHeight: high, sections: placed, height: top };
}

/** Height of each card when all of them share what is in sight; little where they are many. */
function roomFor(shapes: readonly { rows: number }[], height: number, { gap, head, space }: Measures): number {
  const rows = shapes.reduce((sum, shape) => sum + shape.rows, 0);
  return rows ? Math.floor((height - shapes.length * (head + space)) / rows) - gap : 0;
}

/** Cards that reach into [from, to]. */
export function itemsIn(layout: Layout, from: number, to: number, gap: number): Item[] {
  const stride = layout.cardHeight + gap;
  const items: Item[] = [];
  for (const { section, cardsTop, bottom, columns, cardWidth } of layout.sections) {
    if (!section.open || bottom < from || cardsTop > to) continue;
    const first = Math.max(0, Math.floor((from - cardsTop) / stride)) * columns;
    const last = Math.min(section.charts.length, (Math.floor((to - cardsTop) / stride) + 1) * columns);
    for (let i = first; i < last; i++) {
      items.push({
        chart: section.charts[i]!,
        section,
        left: (i % columns) * (cardWidth + gap),
        top: cardsTop + Math.floor(i / columns) * stride,
        width: cardWidth,
      });
    }
  }
  return items;
}

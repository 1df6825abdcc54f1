/** Positions of the groups and cards of a page of charts, and which of them are in sight. */
import type { Chart } from './charts';
import type { ChartGroup } from './chartGroups';

interface Measures {
  /** Inner width of the page. */
  width: number;
  /** Height of its visible part, which few charts share. */
  height: number;
  /** Number of columns; null: as many as fit and are needed. */
  columns: number | null;
  gap: number;
  head: number;
  /** Between groups. */
  space: number;
}

export interface Placed {
  group: ChartGroup;
  top: number;
  /** Top of its cards. */
  cardsTop: number;
  bottom: number;
  columns: number;
  cardWidth: number;
}

export interface Layout {
  /** Width of the widest card. */
  cardWidth: number;
  cardHeight: number;
  groups: Placed[];
  height: number;
}

export interface Item {
  chart: Chart;
  group: ChartGroup;
  left: number;
  top: number;
  width: number;
}

const GAP = 10;
/** Cards within this distance of the visible part exist already. */
export const SPARE = 160;

/** The inner width of a page of charts, and the positions of its groups and cards. */
export interface Sheet {
  pad: number;
  layout: Layout;
}

/** Lay out groups on a page of a size that includes its padding. `headless`: a single group without a heading. */
export function sheetOf(groups: readonly ChartGroup[], [width, height]: readonly [number, number], columns: number | null, headless = false): Sheet {
  const pad = width < 560 ? 10 : 16;
  const inner = Math.max(0, width - 2 * pad);
  return { pad, layout: layOut(groups, { width: inner, height: height - pad, columns, gap: GAP, head: headless ? 14 : 36, space: 6 }) };
}

/** Cards in sight, or at most `spare` beyond, for a scroll position and height. */
export function inSight(layout: Layout, scroll: number, height: number, spare: number): Item[] {
  return layout.cardWidth > 0 ? itemsIn(layout, scroll - spare, scroll + height + spare, GAP) : [];
}

/** Groups in sight. */
export function groupsInSight(layout: Layout, scroll: number, height: number): Placed[] {
  return layout.groups.filter((s) => s.bottom > scroll - SPARE && s.top < scroll + height + SPARE);
}

/** Limits of the automatic number of columns, and their minimum width. */
const MOST_COLUMNS = 3;
const NARROWEST_PX = 400;
/** Minimum width of columns if their number was chosen. */
const LEAST_PX = 220;

/** Height of a card of this width: flatter if wide, never too small to read. */
export function cardHeight(width: number): number {
  return Math.round(Math.min(420, Math.max(190, width * 0.62)));
}

function columnsOf({ width, columns, gap }: Measures): number {
  const fitting = (least: number) => Math.max(1, Math.floor((width + gap) / (least + gap)));
  return columns === null ? Math.min(MOST_COLUMNS, fitting(NARROWEST_PX)) : Math.min(columns, fitting(LEAST_PX));
}

export function layOut(groups: readonly ChartGroup[], measures: Measures): Layout {
  const { width, height, columns: wish, gap, head, space } = measures;
  const most = columnsOf(measures);
  const shapes = groups.map(({ charts, open }) => {
    // A row with fewer cards is filled by wider ones, and four cards make two rows of two.
    const columns = wish !== null || !charts.length ? most : charts.length === 4 && most === 3 ? 2 : Math.min(most, charts.length);
    return { columns, rows: open ? Math.ceil(charts.length / columns) : 0, width: Math.floor((width - gap * (columns - 1)) / columns) };
  });
  const widest = Math.max(0, ...shapes.filter((shape) => shape.rows).map((shape) => shape.width));
  const usual = Math.floor((width - gap * (most - 1)) / most);
  let high = cardHeight(usual);
  if (wish === null) high = Math.max(high, Math.min(roomFor(shapes, height, measures), Math.round(widest * 0.62)));
  let top = 0;
  const placed = groups.map((group, i) => {
    const { columns, rows, width: cardWidth } = shapes[i]!;
    const cardsTop = top + head;
    const bottom = cardsTop + rows * (high + gap);
    const one = { group, top, cardsTop, bottom, columns, cardWidth };
    top = bottom + space;
    return one;
  });
  return { cardWidth: widest || usual, cardHeight: high, groups: placed, height: top };
}

/** Height of each card if all of them share the visible part; small if there are many. */
function roomFor(shapes: readonly { rows: number }[], height: number, { gap, head, space }: Measures): number {
  const rows = shapes.reduce((sum, shape) => sum + shape.rows, 0);
  return rows ? Math.floor((height - shapes.length * (head + space)) / rows) - gap : 0;
}

/** Cards that reach into [from, to]. */
export function itemsIn(layout: Layout, from: number, to: number, gap: number): Item[] {
  const stride = layout.cardHeight + gap;
  const items: Item[] = [];
  for (const { group, cardsTop, bottom, columns, cardWidth } of layout.groups) {
    if (!group.open || bottom < from || cardsTop > to) continue;
    const first = Math.max(0, Math.floor((from - cardsTop) / stride)) * columns;
    const last = Math.min(group.charts.length, (Math.floor((to - cardsTop) / stride) + 1) * columns);
    for (let i = first; i < last; i++) {
      items.push({
        chart: group.charts[i]!,
        group,
        left: (i % columns) * (cardWidth + gap),
        top: cardsTop + Math.floor(i / columns) * stride,
        width: cardWidth,
      });
    }
  }
  return items;
}

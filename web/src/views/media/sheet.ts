/** How many columns let the pictures of a sheet be as large as its room allows, and how many of them to show. */

export interface Room {
  width: number;
  height: number;
  /** Of the pictures: width over height. */
  aspect: number;
  /** Height of what stands below each. */
  captionPx: number;
  gapPx: number;
  /** No column is narrower. */
  leastPx?: number;
}

export interface Sheet {
  columns: number;
  rows: number;
  /** Width of a picture. */
  px: number;
}

/** The sheet on which `n` pictures are largest. */
export function sheetOf(n: number, { width, height, aspect, captionPx, gapPx, leastPx = 0 }: Room): Sheet {
  const mostColumns = Math.max(1, Math.min(n, Math.floor((width + gapPx) / (leastPx + gapPx))));
  let best: Sheet = { columns: 1, rows: n, px: -Infinity };
  for (let columns = 1; columns <= mostColumns; columns++) {
    const rows = Math.ceil(n / columns);
    const across = (width - gapPx * (columns - 1)) / columns;
    const down = (height - gapPx * (rows - 1)) / rows - captionPx;
    const px = Math.min(across, down * aspect);
    if (px > best.px) best = { columns, rows, px };
  }
  return best;
}

/**
 * The sheet of the first of many pictures: as many as can be `legiblePx` wide. Where they are not all, the last cell is left for how
 * many more there are.
 *
 * @param n Pictures at hand.
 * @param total How many there are.
 */
export function firstOf(n: number, total: number, room: Room, legiblePx: number): Sheet & { shown: number } {
  for (let cells = n < total ? n + 1 : n; cells > 1; cells--) {
    const sheet = sheetOf(cells, room);
    if (sheet.px >= legiblePx) return { ...sheet, shown: cells >= total ? total : Math.min(n, sheet.columns * sheet.rows - 1) };
  }
  return { ...sheetOf(1, room), shown: 1 };
}

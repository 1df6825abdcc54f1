/** Which cards are shown, in what order, and how many columns each takes. */

export interface Choices {
  /** Ids of the pinned cards, in order. */
  pinned: readonly string[];
  dismissed: readonly string[];
}

export const NO_CHOICES: Choices = { pinned: [], dismissed: [] };

interface Arranged<T> {
  shown: T[];
  dismissed: T[];
}

/** Pinned cards first, in the user's order; then the others as they come, the most interesting first. */
export function arrange<T extends { id: string }>(cards: readonly T[], { pinned, dismissed }: Choices): Arranged<T> {
  const gone = cards.filter((card) => dismissed.includes(card.id));
  const first = pinned.flatMap((id) => cards.filter((card) => card.id === id && !gone.includes(card)));
  return { shown: [...first, ...cards.filter((card) => !first.includes(card) && !gone.includes(card))], dismissed: gone };
}

/** A card moved within the pinned ones. */
export function moved(pinned: readonly string[], id: string, by: number): string[] {
  const rest = pinned.filter((one) => one !== id);
  const at = Math.min(rest.length, Math.max(0, pinned.indexOf(id) + by));
  return [...rest.slice(0, at), id, ...rest.slice(at)];
}

export const LEAST_PX = 340;
const MOST_COLUMNS = 4;

/** Columns that fit; no more than there are cards. */
export function columnsFor(width: number, n: number): number {
  return Math.max(1, Math.min(MOST_COLUMNS, Math.floor(width / LEAST_PX), n));
}

/** How many columns each card takes: if the last row would have gaps, some cards are wide, preferably those that benefit from it. */
export function spans(gains: readonly boolean[], columns: number): number[] {
  const holes = columns > 1 ? (columns - (gains.length % columns)) % columns : 0;
  const all = gains.map((_, i) => i);
  const choices = [[...all.filter((i) => gains[i]), ...all.filter((i) => !gains[i])], all].map((order) => {
    const wide = order.slice(0, holes);
    return all.map((i) => (wide.includes(i) ? 2 : 1));
  });
  return choices.find((widths) => isFull(widths, columns)) ?? choices[1]!;
}

/** Whether cells of these widths leave no gap when laid out like `grid-auto-flow: dense`. */
export function isFull(widths: readonly number[], columns: number): boolean {
  const rows: boolean[][] = [];
  for (const width of widths) {
    for (let row = 0, isPlaced = false; !isPlaced; row++) {
      rows[row] ??= Array<boolean>(columns).fill(false);
      for (let at = 0; at + width <= columns && !isPlaced; at++) {
        isPlaced = !rows[row]!.slice(at, at + width).includes(true);
        if (isPlaced) rows[row]!.fill(true, at, at + width);
      }
    }
  }
  return rows.every((row) => row.every(Boolean));
}

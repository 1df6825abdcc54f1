import { expect, test } from 'vitest';
import { arrange, columnsFor, LEAST_PX, moved, spans } from './arrange';

const cards = ['loss', 'samples', 'layers', 'pace'].map((id) => ({ id }));
const ids = (some: readonly { id: string }[]) => some.map((card) => card.id);

test('pinned cards come first in the order of the person, the others as they came', () => {
  const { shown, dismissed } = arrange(cards, { pinned: ['pace', 'samples', 'gone'], dismissed: [] });
  expect([ids(shown), dismissed]).toEqual([['pace', 'samples', 'loss', 'layers'], []]);
});

test('a dismissed card is kept apart, to be brought back', () => {
  const { shown, dismissed } = arrange(cards, { pinned: ['loss'], dismissed: ['samples', 'gone'] });
  expect([ids(shown), ids(dismissed)]).toEqual([['loss', 'layers', 'pace'], ['samples']]);
});

test('a pinned card moves among the pinned ones and stops at the ends', () => {
  expect([moved(['a', 'b', 'c'], 'c', -1), moved(['a', 'b', 'c'], 'a', -1), moved(['a', 'b', 'c'], 'c', 1)]).toEqual([
    ['a', 'c', 'b'],
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ]);
});

test('there are as many columns as fit, and no more than cards', () => {
  expect([columnsFor(200, 8), columnsFor(2 * LEAST_PX, 8), columnsFor(1e4, 8), columnsFor(1e4, 2)]).toEqual([1, 2, 4, 2]);
});

/** Lays cells out as `grid-auto-flow: dense` does; whether the grid is full. */
function isFull(widths: readonly number[], columns: number): boolean {
  const rows: number[][] = [];
  for (const width of widths) {
    for (let row = 0, isPlaced = false; !isPlaced; row++) {
      rows[row] ??= Array<number>(columns).fill(0);
      for (let at = 0; at + width <= columns && !isPlaced; at++) {
        isPlaced = rows[row]!.slice(at, at + width).every((cell) => !cell);
        if (isPlaced) rows[row]!.fill(1, at, at + width);
      }
    }
  }
  return rows.every((row) => row.every(Boolean));
}

test('whatever the number of cards, the grid has no holes', () => {
  for (let columns = 1; columns <= 4; columns++) for (let n = columns; n <= 16; n++) expect([n, columns, isFull(spans(n, columns), columns)]).toEqual([n, columns, true]);
});

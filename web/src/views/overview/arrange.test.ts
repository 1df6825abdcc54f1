import { expect, test } from 'vitest';
import { arrange, columnsFor, isFull, LEAST_PX, moved, spans } from './arrange';

const cards = ['loss', 'samples', 'layers', 'pace'].map((id) => ({ id }));
const ids = (some: readonly { id: string }[]) => some.map((card) => card.id);

test('pinned cards come first in the order of the user, the others in theirs', () => {
  const { shown, dismissed } = arrange(cards, { pinned: ['pace', 'samples', 'gone'], dismissed: [] });
  expect([ids(shown), dismissed]).toEqual([['pace', 'samples', 'loss', 'layers'], []]);
});

test('a dismissed card can be restored', () => {
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

test('the grid has no gaps for any number of cards and any wide ones', () => {
  for (let columns = 1; columns <= 4; columns++)
    for (let n = columns; n <= 12; n++)
      for (let bits = 0; bits < 2 ** n; bits += 1 + (n > 8 ? 6 : 0)) {
        const gains = Array.from({ length: n }, (_, i) => Boolean(bits & (1 << i)));
        if (!isFull(spans(gains, columns), columns)) expect.fail(`${n} cards in ${columns} columns, ${bits}`);
      }
});

test('a grid is full if every row is', () => {
  expect([isFull([2, 1, 1, 2], 3), isFull([2, 2, 1, 1], 3), isFull([1, 1, 1], 2)]).toEqual([true, true, false]);
});

test('charts become wide before lists do', () => {
  expect([spans([false, true, true], 2), spans([false, false, false], 2), spans([true, true], 2)]).toEqual([[1, 2, 1], [2, 1, 1], [1, 1]]);
});

import { expect, test } from 'vitest';
import { columnsFor, columnsForBlocks, spanOf, thumbnailPx } from './grid';

test('as many columns as fit', () => {
  expect(columnsFor(1000, 240, 30, 10)).toBe(4);
  expect(columnsFor(990, 240, 30, 10)).toBe(4);
  expect(columnsFor(989, 240, 30, 10)).toBe(3);
});

test('a few items grow to fill the width, up to 2.4 times their size', () => {
  expect(columnsFor(1000, 240, 3, 10)).toBe(3);
  expect(columnsFor(1600, 200, 3, 10)).toBe(4);
  expect(columnsFor(1600, 200, 1, 10)).toBe(4);
});

test('there is one column on a phone and without a width', () => {
  expect(columnsFor(358, 240, 9, 10)).toBe(1);
  expect(columnsFor(0, 240, 9, 10)).toBe(1);
  expect(columnsFor(0, 240, 0, 10)).toBe(1);
});

test('text takes more columns than an image; lists and tables have their own row', () => {
  expect(spanOf('image', false, 200)).toBe(1);
  expect(spanOf('text', false, 200)).toBe(2);
  expect(spanOf('text', false, 400)).toBe(1);
  expect(spanOf('image', true, 200)).toBe('all');
  expect(spanOf('table', false, 200)).toBe('all');
});

test('small images of a list are drawn smaller than large ones', () => {
  expect(thumbnailPx('image', 200, [28, 28, 1])).toBe(80);
  expect(thumbnailPx('image', 200, [256, 256, 3])).toBe(120);
});

test('blocks that would leave half a row empty are a little smaller', () => {
  expect(columnsForBlocks(1600, 220, [3, 3, 3])).toBe(9);
  expect(columnsForBlocks(1600, 220, [3, 3])).toBe(6);
  expect(columnsForBlocks(1600, 220, [1, 1, 1])).toBe(3);
  expect(columnsForBlocks(358, 220, [3, 3, 3])).toBe(1);
  expect(columnsForBlocks(1600, 220, [])).toBeGreaterThan(0);
});

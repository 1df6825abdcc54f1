import { expect, test } from 'vitest';
import { columnsOf } from './sheet';

test('images get the number of columns that makes them largest', () => {
  expect(columnsOf(16, 360, 200, 1, 16, 8)).toBe(6); // three rows of 45 px
  expect(columnsOf(16, 360, 200, 1, 16, 8, 64)).toBe(4); // captions want 64 px: five columns leave as little height as four
  expect(columnsOf(1, 360, 200, 2.5, 16, 8)).toBe(1);
  expect(columnsOf(4, 400, 100, 1, 0, 0)).toBe(4);
  expect(columnsOf(4, 100, 400, 1, 0, 0)).toBe(1);
  expect(columnsOf(4, 200, 200, 1, 0, 0)).toBe(2);
});

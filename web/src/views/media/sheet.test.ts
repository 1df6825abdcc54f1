import { expect, test } from 'vitest';
import { firstOf, sheetOf } from './sheet';

const room = { width: 360, height: 200, aspect: 1, captionPx: 16, gapPx: 8 };

test('pictures get the columns that make them largest', () => {
  expect(sheetOf(16, room)).toMatchObject({ columns: 6, rows: 3 });
  expect(sheetOf(16, { ...room, leastPx: 64 }).columns).toBe(4); // captions want 64 px: five columns leave as little height as four
  expect(sheetOf(1, { ...room, aspect: 2.5 }).columns).toBe(1);
  const bare = { ...room, captionPx: 0, gapPx: 0 };
  expect(sheetOf(4, { ...bare, width: 400, height: 100 }).columns).toBe(4);
  expect(sheetOf(4, { ...bare, width: 100, height: 400 }).columns).toBe(1);
  expect(sheetOf(4, { ...bare, width: 200, height: 200 }).columns).toBe(2);
});

test('of many pictures as many are shown as can be made out, and a cell says how many more there are', () => {
  const captioned = { ...room, leastPx: 64 };
  expect(firstOf(16, 20, captioned, 40)).toMatchObject({ columns: 5, rows: 3, shown: 14 });
  expect(firstOf(16, 20, captioned, 60)).toMatchObject({ columns: 5, rows: 2, shown: 9 });
  expect(firstOf(6, 6, captioned, 40).shown).toBe(6);
  expect(firstOf(2, 2, { ...room, height: 30 }, 40).shown).toBe(1);
});

import { describe, expect, it } from 'vitest';
import { alongAxis, fitted, indexOf, kept, levelFor, tilesInSight, zoomed, MOST_CELL_PX } from './tiled';

describe('place', () => {
  it('fits a wide matrix and stretches its cells', () => {
    const place = fitted({ rows: 10, columns: 2000 }, 500, 200, false);
    expect(place.sx).toBe(0.25);
    expect(place.sy).toBe(10); // forty times longer than wide; there is room for 20
    expect(fitted({ rows: 30, columns: 300 }, 600, 600, true)).toMatchObject({ sx: 2, sy: 2, x: 0, y: -135 });
  });
  it('keeps the point under the pointer while zooming', () => {
    const size = { rows: 4000, columns: 4000 };
    const place = fitted(size, 400, 400, false);
    const next = zoomed(place, size, 4, 100, 300, 400, 400, false);
    expect(next.x + 100 / next.sx).toBeCloseTo(place.x + 100 / place.sx);
    expect(next.y + 300 / next.sy).toBeCloseTo(place.y + 300 / place.sy);
  });
  it('zooms no further than large cells and back to the whole', () => {
    const size = { rows: 10, columns: 1000 };
    const place = fitted(size, 500, 200, false);
    const near = zoomed(place, size, 1e6, 0, 0, 500, 200, false);
    expect([near.sx, near.sy]).toEqual([MOST_CELL_PX, MOST_CELL_PX]);
    expect(zoomed(near, size, 1e-6, 0, 0, 500, 200, false)).toEqual(place);
  });
  it('does not leave the matrix', () => {
    expect(kept({ x: -50, y: 990, sx: 1, sy: 1 }, { rows: 1000, columns: 20 }, 100, 100)).toEqual({ x: -40, y: 900, sx: 1, sy: 1 });
  });
});

describe('tiles', () => {
  it('halves until a cell is one to two pixels', () => {
    expect([2, 1, 0.9, 0.5, 0.49, 0.1].map(levelFor)).toEqual([0, 0, 1, 1, 2, 4]);
  });
  it('lists those in sight, the middle ones first', () => {
    const found = tilesInSight({ x: 200, y: 0, sx: 1, sy: 1 }, { rows: 300, columns: 3000 }, 600, 400, [0, 0]);
    expect(found.map(({ row, column }) => `${row} ${column}`).sort()).toEqual(['0 0', '0 1', '0 2', '0 3', '1 0', '1 1', '1 2', '1 3']);
    expect([1, 2]).toContain(found[0]!.column);
    expect(tilesInSight({ x: 0, y: 0, sx: 0.25, sy: 0.25 }, { rows: 300, columns: 3000 }, 600, 400, [2, 2])).toHaveLength(3);
  });
});

describe('indices', () => {
  const plain = { unit: [1, 1] as const, columns: 0, isColour: false, isGrid: false };
  it('are those of the array', () => {
    expect(indexOf({ ...plain, shape: [5, 6], order: '' }, [], 2, 3)).toEqual([2, 3]);
    expect(indexOf({ ...plain, shape: [7], order: '' }, [], 0, 3)).toEqual([3]);
    expect(indexOf({ ...plain, shape: [], order: '' }, [], 0, 0)).toEqual([]);
    expect(indexOf({ ...plain, shape: [4, 5, 6], order: '' }, [3], 2, 1)).toEqual([3, 2, 1]);
    expect(indexOf({ ...plain, shape: [8, 6, 3, 2], order: 'OIHW', unit: [3, 2], columns: 12 }, [], 4, 5)).toEqual([1, 2, 1, 1]);
    expect(indexOf({ ...plain, shape: [3, 2, 6, 8], order: 'HWIO', unit: [3, 2], columns: 12 }, [], 4, 5)).toEqual([1, 1, 2, 1]);
    expect(indexOf({ ...plain, shape: [8, 6, 5], order: 'OIHW', unit: [1, 5], columns: 30 }, [], 2, 7)).toEqual([2, 1, 2]);
    expect(indexOf({ ...plain, shape: [8, 6, 4, 3, 3], order: 'OIHW', unit: [3, 3], columns: 18 }, [2], 4, 5)).toEqual([1, 1, 2, 1, 2]);
  });
  it('of a grid skip from filter to filter, and end with the last', () => {
    const grid = { shape: [5, 3, 2, 2], order: 'OIHW', unit: [2, 2] as const, columns: 6, isColour: true, isGrid: true };
    expect(indexOf(grid, [], 3, 1)).toEqual([3, -1, 1, 1]);
    expect(indexOf(grid, [], 3, 5)).toBeNull();
    const plainGrid = { ...grid, unit: [2, 6] as const, columns: 18, isColour: false };
    expect(indexOf(plainGrid, [], 1, 9)).toEqual([1, 1, 1, 1]);
  });
});

describe('norms along an axis', () => {
  it('are the largest of the neighbours that a pixel shows', () => {
    expect([...alongAxis([1, 5, 2, 3], 1, 0, 0.5, 3)]).toEqual([5, 3, NaN]);
    expect([...alongAxis([1, 5], 2, 1, 1, 3)]).toEqual([1, 5, 5]);
    expect([...alongAxis([1, NaN], 1, 0, 0.5, 1)]).toEqual([NaN]);
  });
});

import { expect, test } from 'vitest';
import { clear, fillBand, makeRaster, packed, strokeLine, type Raster, mixed } from './raster';
import { makeScale } from './scale';

const black = [0, 0, 0] as const;
const white = [255, 255, 255] as const;

function drawn(x: number[], y: number[], width = 1, dash: [number, number] | null = null): Raster {
  const raster = makeRaster(40, 20);
  clear(raster, black);
  const line = { x, y, start: 0, n: x.length };
  const stroke = { color: white, width, alpha: 1, dash };
  strokeLine(raster, line, makeScale('linear', 0, 40, 0, 40), makeScale('linear', 0, 20, 20, 0), stroke);
  return raster;
}

/** Brightness from 0 to 1 of the pixel in `column`, `row`. */
const light = (raster: Raster, column: number, row: number) => (raster.pixels[row * raster.width + column]! & 255) / 255;
const columnSum = (raster: Raster, column: number) =>
  Array.from({ length: raster.height }, (_, row) => light(raster, column, row)).reduce((a, b) => a + b);

test('a level line of one pixel covers its row and no other', () => {
  const raster = drawn([0, 40], [9.5, 9.5]);
  expect(light(raster, 20, 10)).toBeGreaterThan(0.98);
  expect(columnSum(raster, 20)).toBeCloseTo(1, 1);
});

test('a line between two rows is shared by both', () => {
  const raster = drawn([0, 40], [10, 10]);
  expect(light(raster, 20, 9)).toBeCloseTo(0.5, 1);
  expect(light(raster, 20, 10)).toBeCloseTo(0.5, 1);
});

test('a slanted line is as thick as a level one across its direction', () => {
  const raster = drawn([0, 20], [0, 20]);
  expect(columnSum(raster, 10)).toBeCloseTo(Math.SQRT2, 0);
});

test('a spike narrower than a pixel is drawn at its full height', () => {
  const raster = drawn([0, 20.2, 20.4, 20.6, 40], [2, 2, 18, 2, 2]);
  for (let row = 3; row < 17; row++) expect(light(raster, 20, row)).toBeGreaterThan(0.9);
  expect(light(raster, 22, 8)).toBe(0);
});

test('NaN splits a line and a lone point becomes a dot', () => {
  const raster = drawn([0, 10, 15, 20, 25, 30, 40], [10, 10, NaN, 10, NaN, 10, 10]);
  expect(columnSum(raster, 15)).toBe(0);
  expect(columnSum(raster, 20)).toBeGreaterThan(1);
  expect(columnSum(raster, 35)).toBeGreaterThan(0.9);
});

test('anything outside is clipped', () => {
  const raster = drawn([-1e7, -5, 20, 1e7], [-1e9, 5, 5, 1e9]);
  expect(raster.pixels.length).toBe(800);
  expect(columnSum(raster, 2)).toBeGreaterThan(0);
});

test('a dashed line leaves columns out', () => {
  const raster = drawn([0, 40], [9.5, 9.5], 1, [3, 2]);
  const sums = [0, 1, 2, 3, 4, 5].map((column) => Math.round(columnSum(raster, column)));
  expect(sums).toEqual([1, 1, 1, 0, 0, 1]);
});

test('a series drawn twice as densely is not drawn twice as dark', () => {
  const raster = makeRaster(40, 20);
  clear(raster, black);
  const n = 400;
  const x = Array.from({ length: n }, (_, i) => i / 10);
  const line = { x, y: x.map(() => 9.5), start: 0, n };
  const stroke = { color: white, width: 1, alpha: 0.3 };
  strokeLine(raster, line, makeScale('linear', 0, 40, 0, 40), makeScale('linear', 0, 20, 20, 0), stroke);
  expect(light(raster, 20, 10)).toBeCloseTo(0.3, 1);
});

test.each([
  [[255, 255, 255], [194, 49, 127]],
  [[22, 23, 25], [245, 154, 61]],
  [[255, 255, 255], [10, 143, 189]],
] as const)('on %s a faint line of %s is their mixture in every channel', (ground, color) => {
  const raster = makeRaster(40, 20);
  clear(raster, ground);
  const line = { x: [0, 17, 40], y: [3.3, 16.1, 9.5], start: 0, n: 3 };
  strokeLine(raster, line, makeScale('linear', 0, 40, 0, 40), makeScale('linear', 0, 20, 20, 0), { color, width: 1.3, alpha: 0.26 });
  const bytes = new Uint8Array(raster.pixels.buffer);
  for (let at = 0; at < bytes.length; at += 4) {
    // How far each channel went from the ground towards the line's colour: the same share in all three.
    const shares = [0, 1, 2].map((c) => (bytes[at + c]! - ground[c]!) / (color[c]! - ground[c]!));
    const spread = Math.max(...shares.map((share, c) => Math.abs((share - shares[0]!) * (color[c]! - ground[c]!))));
    expect(spread).toBeLessThan(4);
    expect(Math.max(...shares)).toBeLessThan(0.36);
  }
});

test('a band fills between its lines once', () => {
  const raster = makeRaster(40, 20);
  clear(raster, black);
  const x = [0, 13.3, 13.6, 40];
  const scales = [makeScale('linear', 0, 40, 0, 40), makeScale('linear', 0, 20, 20, 0)] as const;
  fillBand(raster, x, [5, 5, 5, 5], [15, 15, 15, 15], 0, 4, ...scales, { color: white, alpha: 0.5 });
  for (let column = 0; column < 40; column++) {
    expect(light(raster, column, 10)).toBeCloseTo(0.5, 1);
    expect(light(raster, column, 3)).toBe(0);
    expect(light(raster, column, 17)).toBe(0);
  }
});

test('colours are packed as ImageData keeps them', () => {
  expect([...new Uint8Array(Uint32Array.of(packed([1, 2, 3])).buffer)]).toEqual([1, 2, 3, 255]);
});

test('a mixed colour lies between two', () => {
  const [black, white] = [packed([0, 0, 0]), packed([255, 255, 255])];
  expect([mixed(black, white, 0), mixed(black, white, 1)]).toEqual([black, white]);
  expect(mixed(black, white, 0.2)).toBe(packed([51, 51, 51]));
});

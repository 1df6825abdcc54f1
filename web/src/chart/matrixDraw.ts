/** Draws a matrix from its tiles: cells, numbers in large cells, lines between kernels, norms beside the axes, bars of a vector. */
import type { TensorTile } from '../api/client';
import { number } from '../i18n/numbers';
import { colourOf, tilePixels, type Colouring } from './matrixPixels';
import { linearTicks } from './scale';
import { alongAxis, TILE, type Place, type Size, type TileAt } from './tiled';

export interface Matrix extends Size {
  /** Rows and columns of a kernel. */
  unit: readonly [number, number];
  /** Filters of a grid, and how many are in a row; 0 if it is none. */
  nUnits: number;
  perRow: number;
  isStrip: boolean;
}

/** A rectangle in CSS pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Norms {
  values: ArrayLike<number>;
  /** Rows or columns of the picture that share one. */
  per: number;
}

/** Room for a number in a cell, in CSS pixels. */
const NUMBER_PX = [46, 15] as const;
const LEAST_UNIT_PX = 5;

const bitmaps = new WeakMap<TensorTile, { key: string; canvas: HTMLCanvasElement }>();

function bitmapOf(tile: TensorTile, colouring: Colouring): HTMLCanvasElement {
  const key = `${colouring.limit} ${colouring.isSymlog} ${colouring.ink.dark}`;
  const known = bitmaps.get(tile);
  if (known?.key === key) return known.canvas;
  const canvas = known?.canvas ?? document.createElement('canvas');
  [canvas.width, canvas.height] = [tile.columns, tile.rows];
  const pixels = tilePixels(tile.values, tile.channels, colouring);
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), tile.columns, tile.rows), 0, 0);
  bitmaps.set(tile, { key, canvas });
  return canvas;
}

/** The part of the room that the matrix fills. */
export function filledBox(box: Box, place: Place, { rows, columns }: Size): Box {
  const left = Math.max(box.left, box.left - place.x * place.sx);
  const top = Math.max(box.top, box.top - place.y * place.sy);
  const right = Math.min(box.left + box.width, box.left + (columns - place.x) * place.sx);
  const bottom = Math.min(box.top + box.height, box.top + (rows - place.y) * place.sy);
  return { left, top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
}

/** Cells of all tiles that have arrived, finer ones over coarse ones. */
export function drawCells(context: CanvasRenderingContext2D, box: Box, place: Place, matrix: Matrix, tiles: Iterable<[TileAt, TensorTile]>, colouring: Colouring): void {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.imageSmoothingEnabled = false;
  for (const [at, tile] of tiles) {
    const [high, wide] = [2 ** at.levels[0], 2 ** at.levels[1]];
    const [row, column] = [at.row * TILE * high, at.column * TILE * wide];
    // The last cell of an array may have fewer elements than the others.
    const [rows, columns] = [Math.min(tile.rows * high, matrix.rows - row), Math.min(tile.columns * wide, matrix.columns - column)];
    const x = box.left + (column - place.x) * place.sx;
    const y = box.top + (row - place.y) * place.sy;
    const [w, h] = [columns * place.sx, rows * place.sy];
    if (x > box.left + box.width || y > box.top + box.height || x + w < box.left || y + h < box.top) continue;
    context.drawImage(bitmapOf(tile, colouring), 0, 0, columns / wide, rows / high, x, y, w, h);
  }
  rule(context, box, place, matrix, colouring);
  context.restore();
}

/** Lines between kernels, and nothing where the last row of a grid has no filters. */
function rule(context: CanvasRenderingContext2D, box: Box, place: Place, matrix: Matrix, { ink }: Colouring): void {
  const [high, wide] = matrix.unit;
  context.fillStyle = `rgb(${ink.surface.join(' ')})`;
  const right = box.left + (matrix.columns - place.x) * place.sx;
  if (matrix.nUnits) {
    const full = Math.floor(matrix.nUnits / matrix.perRow);
    const rest = matrix.nUnits - full * matrix.perRow;
    const y = box.top + (full * high - place.y) * place.sy;
    const x = box.left + (rest * wide - place.x) * place.sx;
    if (rest) context.fillRect(x, y, right - x + 1, high * place.sy + 1);
  }
  if (high * wide === 1 || Math.min(high * place.sy, wide * place.sx) < LEAST_UNIT_PX) return;
  const line = Math.max(1, Math.min(3, 0.06 * wide * place.sx));
  const filled = filledBox(box, place, matrix);
  for (let column = Math.max(1, Math.ceil(place.x / wide)) * wide; column < Math.min(matrix.columns, place.x + box.width / place.sx); column += wide)
    context.fillRect(box.left + (column - place.x) * place.sx - line / 2, filled.top, line, filled.height);
  for (let row = Math.max(1, Math.ceil(place.y / high)) * high; row < Math.min(matrix.rows, place.y + box.height / place.sy); row += high)
    context.fillRect(filled.left, box.top + (row - place.y) * place.sy - line / 2, filled.width, line);
}

/** Whether cells are large enough for their numbers. */
export function hasNumbers(place: Place): boolean {
  return place.sx >= NUMBER_PX[0] && place.sy >= NUMBER_PX[1];
}

export function drawNumbers(context: CanvasRenderingContext2D, box: Box, place: Place, matrix: Matrix, tiles: Iterable<[TileAt, TensorTile]>, colouring: Colouring): void {
  const colour = colourOf(colouring);
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.font = colouring.ink.font;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  const [bottom, right] = [Math.min(matrix.rows, Math.ceil(place.y + box.height / place.sy)), Math.min(matrix.columns, Math.ceil(place.x + box.width / place.sx))];
  for (const [at, tile] of tiles) {
    if (at.levels[0] || at.levels[1] || tile.channels > 1) continue;
    const [top, left] = [at.row * TILE, at.column * TILE];
    for (let row = Math.max(top, Math.floor(place.y)); row < Math.min(bottom, top + tile.rows); row++)
      for (let column = Math.max(left, Math.floor(place.x)); column < Math.min(right, left + tile.columns); column++) {
        if (isEmpty(matrix, row, column)) continue;
        const i = (row - top) * tile.columns + column - left;
        context.fillStyle = isDark(colour(tile.values[i]!)) ? '#ffffff' : '#16181d';
        const text = number(tile.exact[i]!, place.sx > 72 ? 6 : 3);
        context.fillText(text, box.left + (column + 0.5 - place.x) * place.sx, box.top + (row + 0.5 - place.y) * place.sy, place.sx - 4);
      }
  }
  context.restore();
}

/** Whether a place of a grid has no filter. */
export function isEmpty({ nUnits, perRow, unit }: Matrix, row: number, column: number): boolean {
  return nUnits > 0 && Math.floor(row / unit[0]) * perRow + Math.floor(column / unit[1]) >= nUnits;
}

function isDark(colour: number): boolean {
  return 0.299 * (colour & 255) + 0.587 * ((colour >> 8) & 255) + 0.114 * ((colour >> 16) & 255) < 140;
}

/** A vector as bars from zero, up to the limit of the colours; the finest tiles that have arrived for `level`, or coarser ones. */
export function drawBars(context: CanvasRenderingContext2D, box: Box, place: Place, level: number, tiles: Iterable<[TileAt, TensorTile]>, colouring: Colouring): void {
  const { ink, limit } = colouring;
  const colour = colourOf(colouring);
  const zero = box.top + box.height / 2;
  const some = [...tiles].filter(([at]) => at.levels[1] >= level);
  const finest = Math.min(...some.map(([at]) => at.levels[1]));
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  for (const [at, tile] of some) {
    if (at.levels[1] !== finest) continue;
    const wide = 2 ** finest * place.sx;
    const gap = wide > 4 ? 1 : 0;
    for (let i = 0; i < tile.columns; i++) {
      const x = (at.column * TILE + i) * wide - place.x * place.sx;
      if (x + wide < 0 || x > box.width) continue;
      const value = tile.values[i]!;
      const packed = colour(value);
      const share = Number.isFinite(value) ? Math.max(-1, Math.min(1, value / limit)) : 1;
      const h = (share * box.height) / 2;
      context.fillStyle = `rgb(${packed & 255} ${(packed >> 8) & 255} ${(packed >> 16) & 255})`;
      context.fillRect(box.left + x, Math.min(zero, zero - h), Math.max(1, wide - gap), Math.max(1, Math.abs(h)));
    }
  }
  context.restore();
  context.fillStyle = ink.line2;
  context.fillRect(box.left, zero - 0.5, box.width, 1);
}

/** Norms as bars: of rows to the left of the box, of columns above it. */
export function drawNorms(context: CanvasRenderingContext2D, box: Box, place: Place, matrix: Size, rows: Norms | null, columns: Norms | null, roomPx: number, { ink }: Colouring): void {
  const side = (norms: Norms, from: number, px: number, n: number, bar: (at: number, share: number) => void) => {
    const found = alongAxis(norms.values, norms.per, from, px, Math.ceil(n));
    let most = 0;
    for (let i = 0; i < norms.values.length; i++) if (norms.values[i]! > most && norms.values[i]! < Infinity) most = norms.values[i]!;
    found.forEach((norm, at) => {
      const isBad = !Number.isFinite(norm) && isInside(norms, from + at / px);
      context.fillStyle = isBad ? ink.bad : norm === 0 ? ink.warn : ink.line2;
      if (isBad) bar(at, 1);
      else if (norm >= 0) bar(at, norm === 0 ? 1 : most ? Math.max(0.04, norm / most) : 0);
    });
  };
  const filled = filledBox(box, place, matrix);
  if (rows) side(rows, place.y, place.sy, box.height, (at, share) => context.fillRect(filled.left - 4 - share * roomPx, box.top + at, share * roomPx, 1));
  if (columns) side(columns, place.x, place.sx, box.width, (at, share) => context.fillRect(box.left + at, filled.top - 4 - share * roomPx, 1, share * roomPx));
}

function isInside({ values, per }: Norms, at: number): boolean {
  const index = Math.floor(at / per);
  return index >= 0 && index < values.length;
}

/** Indices beside the axes (beside the bars of a vector their values), at the middle of their cells; `per` rows and columns of the picture are one channel. */
export function drawIndices(context: CanvasRenderingContext2D, box: Box, place: Place, matrix: Matrix, per: readonly [number, number], roomPx: number, { ink, limit }: Colouring): void {
  const filled = filledBox(box, place, matrix);
  context.font = ink.font;
  context.fillStyle = ink.text3;
  const ticks = (from: number, n: number, most: number, count: number) => linearTicks(Math.max(0, from), Math.min(n - 1, from + most), Math.max(1, count)).filter(Number.isInteger);
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  const nRows = Math.ceil(matrix.rows / per[0]);
  if (matrix.isStrip) for (const share of [-1, 0, 1]) context.fillText(number(share * limit, 2), box.left - roomPx, Math.max(box.top + 6, Math.min(box.top + box.height - 6, box.top + ((1 - share) * box.height) / 2)));
  else for (const row of ticks(place.y / per[0], nRows, box.height / place.sy / per[0], box.height / 60)) {
    const y = box.top + ((row + 0.5) * per[0] - place.y) * place.sy;
    if (y >= box.top && y <= box.top + box.height) context.fillText(String(row), filled.left - roomPx, y);
  }
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  const nColumns = Math.ceil(matrix.columns / per[1]);
  for (const column of ticks(place.x / per[1], nColumns, box.width / place.sx / per[1], box.width / 80)) {
    const x = box.left + ((column + 0.5) * per[1] - place.x) * place.sx;
    if (x >= box.left && x <= box.left + box.width) context.fillText(String(column), x, filled.top - roomPx);
  }
}

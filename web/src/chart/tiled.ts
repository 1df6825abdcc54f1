/** Arithmetic of a large matrix on a small screen: what is in sight, at which level of reduction, and in which tiles. */

/** Rows and columns of a tile. */
export const TILE = 256;

export interface Place {
  /** Element at the left and upper edge; may lie between two. */
  x: number;
  y: number;
  /** CSS pixels of one element. */
  sx: number;
  sy: number;
}

export interface Size {
  rows: number;
  columns: number;
}

/** Largest cell when everything fits, in CSS pixels. */
const MOST_FIT_PX = 48;
export const MOST_CELL_PX = 96;
/** Cells are no more than so many times longer than wide when everything fits. */
const MOST_STRETCH = 40;

/** Everything in sight, centred. Cells of kernels are square; others may be stretched, so that a matrix of 10 x 1000 can be read. */
export function fitted({ rows, columns }: Size, width: number, height: number, isSquare: boolean): Place {
  let sx = Math.min(MOST_FIT_PX, width / columns);
  let sy = Math.min(MOST_FIT_PX, height / rows);
  const stretch = isSquare ? 1 : MOST_STRETCH;
  sx = Math.min(sx, sy * stretch);
  sy = Math.min(sy, sx * stretch);
  return { x: (columns - width / sx) / 2, y: (rows - height / sy) / 2, sx, sy };
}

/** Zoomed by a factor around a point in CSS pixels: out to where everything fits, in until a cell is large, each direction by itself. */
export function zoomed(place: Place, size: Size, factor: number, px: number, py: number, width: number, height: number, isSquare: boolean): Place {
  const whole = fitted(size, width, height, isSquare);
  const along = (now: number, least: number) => Math.max(least, Math.min(Math.max(MOST_CELL_PX, least), now * factor));
  const [sx, sy] = [along(place.sx, whole.sx), along(place.sy, whole.sy)];
  return kept({ x: place.x + px / place.sx - px / sx, y: place.y + py / place.sy - py / sy, sx, sy }, size, width, height);
}

/** Moved so that the matrix fills the room, or is centred in it. */
export function kept(place: Place, { rows, columns }: Size, width: number, height: number): Place {
  const along = (at: number, n: number, room: number) => (n <= room ? (n - room) / 2 : Math.max(0, Math.min(n - room, at)));
  return { ...place, x: along(place.x, columns, width / place.sx), y: along(place.y, rows, height / place.sy) };
}

/** How often a side is halved so that a cell is one to two device pixels: 0 if elements are larger. */
export function levelFor(elementPx: number): number {
  return elementPx >= 1 ? 0 : Math.ceil(-Math.log2(elementPx) - 1e-9);
}

export interface TileAt {
  /** Of rows and columns. */
  levels: readonly [number, number];
  row: number;
  column: number;
}

export function nameOfTile({ levels, row, column }: TileAt): string {
  return `${levels[0]} ${levels[1]} ${row} ${column}`;
}

/** The tiles in sight, those in the middle first. */
export function tilesInSight(place: Place, size: Size, width: number, height: number, levels: readonly [number, number]): TileAt[] {
  const span = (at: number, room: number, n: number, level: number): [number, number] => {
    const tile = TILE * 2 ** level;
    return [Math.floor(Math.max(0, at) / tile), Math.ceil(Math.min(n, at + room) / tile)];
  };
  const [top, bottom] = span(place.y, height / place.sy, size.rows, levels[0]);
  const [left, right] = span(place.x, width / place.sx, size.columns, levels[1]);
  const found: TileAt[] = [];
  for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) found.push({ levels, row, column });
  const away = ({ row, column }: TileAt) => Math.hypot(row - (top + bottom - 1) / 2, column - (left + right - 1) / 2);
  return found.sort((a, b) => away(a) - away(b));
}

/** The part of an array that a row and column of its picture show. */
export interface Indexed {
  shape: readonly number[];
  order: string;
  unit: readonly [number, number];
  /** Columns of the picture. */
  columns: number;
  isColour: boolean;
  isGrid: boolean;
}

/** Place in the array of an element of the picture; -1 stands for all channels of a colour; null if there is none, after the last filter of a grid. */
export function indexOf({ shape, order, unit, columns, isColour, isGrid }: Indexed, fixed: readonly number[], row: number, column: number): number[] | null {
  if (shape.length < 2) return shape.length ? [column] : [];
  if (!order) return [...fixed, row, column];
  const sizes = shape.length === 3 ? [shape[0]!, shape[1]!, 1, shape[2]!] : shape.length === 5 ? [shape[0]!, shape[1]!, shape[3]!, shape[4]!] : shape;
  const nIn = sizes[order.indexOf('I')]!;
  const wide = sizes[order.indexOf('W')]!;
  const high = sizes[order.indexOf('H')]!;
  const y = row % high;
  let [o, i, x] = [Math.floor(row / high), Math.floor(column / wide), column % wide];
  if (isGrid) {
    o = o * Math.floor(columns / unit[1]) + Math.floor(column / unit[1]);
    const within = column % unit[1];
    [i, x] = isColour ? [-1, within] : [Math.floor(within / wide), within % wide];
  }
  if (o >= sizes[order.indexOf('O')]! || i >= nIn) return null;
  const at: Record<string, number> = { O: o, I: i, H: y, W: x };
  const places = [...order].map((axis) => at[axis]!);
  if (shape.length === 3) return [places[0]!, places[1]!, places[3]!];
  return shape.length === 5 ? [places[0]!, places[1]!, fixed[0] ?? 0, places[2]!, places[3]!] : places;
}

/** The largest of some neighbours, for each of `n` pixels of an axis; NaN where a value is, or where there is none. */
export function alongAxis(values: ArrayLike<number>, per: number, from: number, elementPx: number, n: number): Float32Array {
  const out = new Float32Array(n).fill(NaN);
  for (let px = 0; px < n; px++) {
    const first = Math.floor((from + px / elementPx) / per);
    const last = Math.max(first, Math.ceil((from + (px + 1) / elementPx) / per) - 1);
    if (first < 0 || first >= values.length) continue;
    let most = 0;
    for (let i = first; i <= Math.min(last, values.length - 1); i++) most = Math.max(most, values[i]!);
    out[px] = most;
  }
  return out;
}

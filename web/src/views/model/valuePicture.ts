/** Arrangement and colours of the small pictures of a value. */
import { divergingFor, sequential } from '../../chart/colormap';
import { packed } from '../../chart/raster';

export interface Maps {
  n: number;
  rows: number;
  columns: number;
  /** [map, row, column]: 0 is NaN, 1 to 255 go from the least to the greatest. */
  pixels: Uint8Array;
}

export interface MapLayout {
  /** Maps side by side. */
  across: number;
  /** Pixels between them. */
  gap: number;
  /** Of one map with its gap. */
  stepX: number;
  stepY: number;
  width: number;
  height: number;
}

/** NaN: a colour of neither scale. */
const NAN = packed([214, 36, 120]);
const EMPTY = 0;

/** In as many columns as make the whole about as wide as high, with at most eight. */
export function layoutOf({ n, rows, columns }: Pick<Maps, 'n' | 'rows' | 'columns'>): MapLayout {
  const gap = n > 1 ? 1 : 0;
  const [stepX, stepY] = [columns + gap, rows + gap];
  const across = Math.min(n, 8, Math.max(1, Math.ceil(Math.sqrt((n * stepY) / stepX))));
  return { across, gap, stepX, stepY, width: across * stepX - gap, height: Math.ceil(n / across) * stepY - gap };
}

/** The map at a place, given as fractions of the whole; -1 for none. */
export function mapAt({ across, stepX, stepY, width, height }: MapLayout, n: number, x: number, y: number): number {
  const [column, row] = [Math.floor((x * width) / stepX), Math.floor((y * height) / stepY)];
  const map = row * across + column;
  return column < across && map >= 0 && map < n ? map : -1;
}

export function paint(into: Uint32Array, { n, rows, columns, pixels }: Maps, layout: MapLayout, isSigned: boolean, isDark: boolean): void {
  const scale = isSigned ? divergingFor(isDark) : sequential;
  const colours = Uint32Array.from({ length: 256 }, (_, code) => (code ? scale.at((code - 1) / 254) : NAN));
  into.fill(EMPTY);
  for (let map = 0; map < n; map++) {
    const [x, y] = [(map % layout.across) * layout.stepX, Math.floor(map / layout.across) * layout.stepY];
    for (let row = 0; row < rows; row++)
      for (let at = 0; at < columns; at++) into[(y + row) * layout.width + x + at] = colours[pixels[(map * rows + row) * columns + at]!]!;
  }
}

/** An array of any shape as a sheet of little heat maps. */
import { mix, ramp, rgb, type Theme } from '../../ui/colours';

export interface Layout {
  /** Tiles, and the height and width of each. */
  n: number;
  h: number;
  w: number;
  /** Tiles in a row. */
  across: number;
}

/** Tiles drawn at most: more would be smaller than a px. */
const MOST_TILES = 256;
const MOST_SIDE = 512;

/** The last two axes are an image, all before them are tiles; a single axis is folded to about a square. */
export function layoutOf(shape: readonly number[]): Layout {
  const size = shape.reduce((product, n) => product * n, 1);
  if (!size) return { n: 0, h: 0, w: 0, across: 1 };
  if (shape.length <= 1) {
    const w = Math.min(size, 64);
    return { n: 1, h: Math.min(MOST_SIDE, Math.ceil(size / w)), w, across: 1 };
  }
  const h = shape.at(-2)!;
  const w = shape.at(-1)!;
  const n = Math.min(MOST_TILES, size / (h * w));
  return { n, h, w, across: Math.max(1, Math.round(Math.sqrt((n * h) / w))) };
}

export interface Range {
  min: number;
  max: number;
  mean: number;
  odd: number;
}

/** Range of the finite values, and the number of others. */
export function rangeOf(data: ArrayLike<number | bigint>): Range {
  let [min, max, sum, odd] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if (!Number.isFinite(value)) {
      odd++;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  const n = data.length - odd;
  return { min: n ? min : NaN, max: n ? max : NaN, mean: n ? sum / n : NaN, odd };
}

/** Colours from low to high in 256 steps; diverging around zero if there are values on both sides. */
function shades(range: Range, theme: Theme): { of: (value: number) => [number, number, number] } {
  const isSigned = range.min < 0 && range.max > 0;
  const far = Math.max(-range.min, range.max) || 1;
  const span = range.max - range.min || 1;
  const middle = theme === 'dark' ? '#17181a' : '#f7f7f5';
  const [cold, warm] = theme === 'dark' ? ['#58a6f5', '#ff8f5a'] : ['#1f5fb8', '#c2410c'];
  const table = Array.from({ length: 256 }, (_, i) => {
    if (!isSigned) return rgb(ramp(i / 255, theme));
    const signed = i / 127.5 - 1;
    return rgb(mix(middle, signed < 0 ? cold! : warm!, Math.abs(signed)));
  });
  const odd = rgb(theme === 'dark' ? '#ff4fd8' : '#d4009b');
  return {
    of: (value) => {
      if (!Number.isFinite(value)) return odd;
      const share = isSigned ? (value / far + 1) / 2 : (value - range.min) / span;
      return table[Math.round(Math.min(1, Math.max(0, share)) * 255)]!;
    },
  };
}

/** Paint the tiles, one px per value and one px between tiles. */
export function paint(canvas: HTMLCanvasElement, data: ArrayLike<number | bigint>, layout: Layout, range: Range, theme: Theme): void {
  const { n, h, w, across } = layout;
  const down = Math.ceil(n / across);
  canvas.width = Math.min(4096, across * (w + 1) - 1);
  canvas.height = Math.min(4096, down * (h + 1) - 1);
  const context = canvas.getContext('2d');
  if (!context || !canvas.width || !canvas.height) return;
  const image = context.createImageData(canvas.width, canvas.height);
  const shade = shades(range, theme);
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const [tx, ty, ix, iy] = [Math.floor(x / (w + 1)), Math.floor(y / (h + 1)), x % (w + 1), y % (h + 1)];
      const tile = ty * across + tx;
      const at = tile * h * w + iy * w + ix;
      if (ix === w || iy === h || tile >= n || at >= data.length) continue;
      const [r, g, b] = shade.of(Number(data[at]));
      image.data.set([r, g, b, 255], (y * canvas.width + x) * 4);
    }
  }
  context.putImageData(image, 0, 0);
}

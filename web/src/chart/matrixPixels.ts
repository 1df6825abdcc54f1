/** Colours of a matrix: zero is the colour of the page, both ends differ in hue; NaN and infinities have a colour of their own. */
import { divergingFor } from './colormap';
import { parseColor, type Ink } from './ink';
import { packed } from './raster';
import { makeScale } from './scale';

export interface Colouring {
  /** The magnitude with the strongest colours. */
  limit: number;
  isSymlog: boolean;
  ink: Ink;
}

/** Packed colour of a value. */
export function colourOf({ limit, isSymlog, ink }: Colouring): (value: number) => number {
  const map = divergingFor(ink.dark);
  const scale = makeScale(isSymlog ? 'symlog' : 'linear', -limit, limit, 0, 1);
  const bad = packed(parseColor(ink.bad));
  return (value) => (Number.isFinite(value) ? map.at(scale.at(value)) : bad);
}

/** Pixels of a tile, one a cell. Of three channels, each is a part of red, green and blue, and grey is zero. */
export function tilePixels(values: ArrayLike<number>, channels: number, colouring: Colouring): Uint32Array<ArrayBuffer> {
  const pixels = new Uint32Array(values.length / channels);
  if (channels === 1) {
    const colour = colourOf(colouring);
    for (let i = 0; i < pixels.length; i++) pixels[i] = colour(values[i]!);
    return pixels;
  }
  const bad = packed(parseColor(colouring.ink.bad));
  const part = (value: number) => Math.max(0, Math.min(255, Math.round(127.5 + (127.5 * value) / colouring.limit)));
  for (let i = 0; i < pixels.length; i++) {
    const [r, g, b] = [values[3 * i]!, values[3 * i + 1]!, values[3 * i + 2]!];
    pixels[i] = Number.isFinite(r + g + b) ? packed([part(r), part(g), part(b)]) : bad;
  }
  return pixels;
}

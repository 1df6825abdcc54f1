/** Colour maps for values from 0 to 1, one sequential and one diverging; both are safe for colour-blind people. */
import { parseColor } from './ink';
import { packed, type Rgb } from './raster';

// Viridis (Smith, van der Walt): even steps of lightness, for colour-blind people, too.
const VIRIDIS = ['#440154', '#482878', '#3e4a89', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6ece58', '#b5de2b', '#fde725'];
// Blue to orange through grey: the two ends differ in hue and the middle is the colour of the page.
const BELOW_ABOVE = {
  light: ['#123c7c', '#2f6fc0', '#86b3e6', '#dfddd7', '#f2b374', '#d9700a', '#8a3a00'],
  dark: ['#8fc1ff', '#4a8be0', '#2a4f84', '#3c3d42', '#85501c', '#e08a32', '#ffc98f'],
};

const SIZE = 256;

function table(stops: readonly string[]): Rgb[] {
  const colors = stops.map(parseColor);
  return Array.from({ length: SIZE }, (_, i) => {
    const at = (i / (SIZE - 1)) * (colors.length - 1);
    const left = Math.min(colors.length - 2, Math.floor(at));
    return [0, 1, 2].map((c) => Math.round(colors[left]![c]! + (colors[left + 1]![c]! - colors[left]![c]!) * (at - left))) as unknown as Rgb;
  });
}

interface ColorMap {
  /** Colour of a value from 0 to 1, as ImageData stores it. */
  at: (share: number) => number;
  css: (share: number) => string;
}

function mapOf(stops: readonly string[]): ColorMap {
  const rgb = table(stops);
  const bits = Uint32Array.from(rgb, packed);
  const index = (share: number) => Math.min(SIZE - 1, Math.max(0, Math.round(share * (SIZE - 1)))) || 0;
  return { at: (share) => bits[index(share)]!, css: (share) => `rgb(${rgb[index(share)]!.join(' ')})` };
}

export const sequential = mapOf(VIRIDIS);
const diverging = { light: mapOf(BELOW_ABOVE.light), dark: mapOf(BELOW_ABOVE.dark) };

export function divergingFor(dark: boolean): ColorMap {
  return dark ? diverging.dark : diverging.light;
}

/** The colours of the page as charts need them: read once per theme, as text for canvases and as numbers for pixels. */
import type { Rgb } from './raster';

export interface Ink {
  surface: Rgb;
  grid: Rgb;
  text: string;
  text2: string;
  text3: string;
  line: string;
  line2: string;
  accent: string;
  bad: string;
  warn: string;
  font: string;
  dark: boolean;
}

/** Parse #rgb, #rrggbb or rgb(…) into numbers; black if it is none of these. */
export function parseColor(text: string): Rgb {
  const hex = /^#([0-9a-f]{6})/i.exec(text)?.[1] ?? /^#([0-9a-f]{3})$/i.exec(text)?.[1]?.replace(/./g, '$&$&');
  if (hex) return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
  const [red = 0, green = 0, blue = 0] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

let known: { theme: string; ink: Ink } | null = null;

/** Colours of the theme on screen; `theme` only says when to read them again. */
export function readInk(theme: string): Ink {
  if (known?.theme === theme) return known.ink;
  // A token contains the colours of both themes; computed as the colour of an element, it is the one on screen.
  const probe = document.body.appendChild(document.createElement('i'));
  const style = getComputedStyle(probe);
  const get = (name: string) => {
    probe.style.color = `var(--${name})`;
    return style.color;
  };
  const surface = parseColor(get('surface'));
  const ink: Ink = {
    surface,
    grid: parseColor(get('grid')),
    text: get('text'),
    text2: get('text-2'),
    text3: get('text-3'),
    line: get('line'),
    line2: get('line-2'),
    accent: get('accent'),
    bad: get('bad'),
    warn: get('warn'),
    font: `11px ${style.getPropertyValue('--font').trim() || 'sans-serif'}`,
    dark: surface[0] + surface[1] + surface[2] < 384,
  };
  probe.remove();
  known = { theme, ink };
  return ink;
}

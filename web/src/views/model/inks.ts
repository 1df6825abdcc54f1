/** Colours of the drawing: kinds of operation, or numbers from low to high. */
import type { BoxColour, Ink } from '../../graph/draw/look';
import { FAMILIES, type Family } from '../../graph/ops';
import { groupInk, mix, ramp, SLOTS, type Theme } from '../../ui/colours';

const HUES: Record<Family, { light: string; dark: string }> = {
  linear: { light: '#2368dd', dark: '#6ea0ff' },
  recurrent: { light: '#6a3fc9', dark: '#9b7dff' },
  attention: { light: '#c2317f', dark: '#fd7dc1' },
  normalise: { light: '#0b7a5c', dark: '#30c49d' },
  activate: { light: '#d9700a', dark: '#f59a3d' },
  pool: { light: '#0a8fbd', dark: '#58cdf5' },
  arithmetic: { light: '#5a6472', dark: '#9aa5b5' },
  reduce: { light: '#8e7300', dark: '#e1c02a' },
  shape: { light: '#9a9ca1', dark: '#75787f' },
  select: { light: '#8a6d4b', dark: '#c9a87c' },
  embed: { light: '#15356e', dark: '#c3d5ff' },
  control: { light: '#b3261e', dark: '#ff6f61' },
  quantise: { light: '#5b9a14', dark: '#9edd65' },
  other: { light: '#7a7d84', dark: '#8f929a' },
};

/** Steps of the colours for numbers. */
export const RAMP_STEPS = 12;
const nFamilies = FAMILIES.length;
/** Positions in `colours`: families, then a closed group, an input or output, one without a number, then the ramp. */
export const GROUP = nFamilies;
export const PILL = nFamilies + 1;
export const NO_NUMBER = nFamilies + 2;
export const FIRST_STEP = nFamilies + 3;
const FIRST_WORD = FIRST_STEP + RAMP_STEPS;

/** Position of the colour of a word, by how frequent the word is; there are as many as for groups of runs. */
export const wordColour = (word: number) => FIRST_WORD + (word % SLOTS);

export function familyInk(family: Family, theme: Theme): string {
  return HUES[family][theme];
}

/** Values of custom properties in a theme; their text contains both themes. */
function tokens(names: readonly string[], theme: Theme): string[] {
  const probe = document.body.appendChild(document.createElement('i'));
  probe.style.colorScheme = theme;
  const style = getComputedStyle(probe);
  const values = names.map((name) => {
    probe.style.color = `var(--${name})`;
    const [r = 0, g = 0, b = 0] = (style.color.match(/[\d.]+/g) ?? []).map(Number);
    return `#${[r, g, b].map((c) => Math.round(c).toString(16).padStart(2, '0')).join('')}`;
  });
  probe.remove();
  return values;
}

export interface Inks {
  ink: Ink;
  colours: BoxColour[];
}

/** Read when the theme changes. */
export function inksOf(theme: Theme): Inks {
  const [ground, surface, text, text2, text3, line, line2, accent, warn] = tokens(['ground', 'surface', 'text', 'text-2', 'text-3', 'line', 'line-2', 'accent', 'warn'], theme) as [string, string, string, string, string, string, string, string, string];
  const font = getComputedStyle(document.body).fontFamily || 'sans-serif';
  const isDark = theme === 'dark';
  const tint = (hue: string): BoxColour => ({ fill: mix(surface, hue, isDark ? 0.2 : 0.12), line: mix(surface, hue, isDark ? 0.7 : 0.62), text });
  const ink: Ink = {
    ground,
    surface,
    groups: isDark ? [mix(ground, '#ffffff', 0.035), mix(ground, '#ffffff', 0.065), mix(ground, '#ffffff', 0.095)] : [mix(ground, '#2b3a67', 0.03), mix(ground, '#2b3a67', 0.06), mix(ground, '#2b3a67', 0.09)],
    text,
    text2,
    text3,
    line: isDark ? mix(line2, '#ffffff', 0.06) : line2,
    edge: mix(ground, text, isDark ? 0.42 : 0.4),
    accent,
    accentSoft: mix(surface, accent, isDark ? 0.24 : 0.13),
    mark: warn,
    font,
  };
  const colours = [
    ...FAMILIES.map((family) => tint(HUES[family][theme])),
    { fill: isDark ? mix(surface, '#ffffff', 0.05) : surface, line: mix(line2, text, 0.3), text },
    { fill: mix(surface, accent, isDark ? 0.16 : 0.08), line: mix(surface, accent, 0.55), text },
    { fill: mix(surface, line, 0.5), line: line2, text: text2 },
    ...Array.from({ length: RAMP_STEPS }, (_, i) => {
      const hue = ramp(i / (RAMP_STEPS - 1), theme);
      return { fill: mix(surface, hue, isDark ? 0.34 : 0.3), line: mix(surface, hue, 0.85), text };
    }),
    ...Array.from({ length: SLOTS }, (_, i) => tint(groupInk(i, theme))),
  ];
  return { ink, colours };
}

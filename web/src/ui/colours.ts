/** The palette, and the assignment of its colours to shown runs. */

export type Theme = 'light' | 'dark';

interface Ink {
  light: string;
  dark: string;
}

// Neighbouring entries differ in lightness as well as hue, so that colour-blind people can distinguish them.
// Each has 3:1 against its theme's surface; a test computes both claims.
export const PALETTE: readonly Ink[] = [
  { light: '#2368dd', dark: '#6ea0ff' },
  { light: '#d9700a', dark: '#f59a3d' },
  { light: '#0b7a5c', dark: '#30c49d' },
  { light: '#c2317f', dark: '#fd7dc1' },
  { light: '#6a3fc9', dark: '#9b7dff' },
  { light: '#8e7300', dark: '#e1c02a' },
  { light: '#0a8fbd', dark: '#58cdf5' },
  { light: '#b3261e', dark: '#ff6f61' },
  { light: '#15356e', dark: '#c3d5ff' },
  { light: '#5b9a14', dark: '#9edd65' },
  { light: '#e0609a', dark: '#ffb3d4' },
  { light: '#5a6472', dark: '#9aa5b5' },
];

/** Slots beyond the palette: the same hues, darker or lighter. */
const VARIANTS = 3;
export const SLOTS = PALETTE.length * VARIANTS;

/** For runs that are not shown, and those without the value that runs are coloured by; 3:1 against both surfaces. */
export const NO_COLOUR = '#8b8e95';

/**
 * Assign a slot to each shown run, all different while there are enough, otherwise shared evenly.
 *
 * Runs that were shown `before` keep theirs. The others get the one that they had `last`, if no other run has it, else the first
 * of the least used; those in `avoided` count as used.
 */
export function distinct(
  shown: readonly string[],
  before: ReadonlyMap<string, number>,
  last: ReadonlyMap<string, number>,
  avoided: Iterable<number> = [],
): Map<string, number> {
  const slots = new Map<string, number>();
  const uses = Array.from({ length: SLOTS }, () => 0);
  const take = (id: string, slot: number) => {
    slots.set(id, slot);
    uses[slot]!++;
  };
  for (const slot of avoided) uses[slot]!++;
  for (const id of shown) {
    const slot = before.get(id);
    if (slot !== undefined) take(id, slot);
  }
  for (const id of shown) {
    const slot = last.get(id);
    if (slot !== undefined && !slots.has(id) && uses[slot] === 0) take(id, slot);
  }
  for (const id of shown) if (!slots.has(id)) take(id, uses.indexOf(Math.min(...uses)));
  return slots;
}

/** Distance in RGB below which the colours of lines are hard to distinguish. */
const NEAR = 48;

/** The slots that look like one of these colours, in either theme. */
export function nearSlots(colours: readonly string[]): Set<number> {
  const chosen = colours.map(rgb);
  const isNear = (colour: string) => chosen.some((one) => Math.hypot(...rgb(colour).map((c, i) => c - one[i]!)) < NEAR);
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  return new Set(slots.filter((slot) => isNear(ink(slot, 'light')) || isNear(ink(slot, 'dark'))));
}

/** The colour of a slot as #rrggbb. */
export function ink(slot: number, theme: Theme): string {
  const base = PALETTE[slot % PALETTE.length]![theme];
  const variant = Math.floor(slot / PALETTE.length) % VARIANTS;
  return variant === 0 ? base : mix(base, variant === 1 ? '#000000' : '#ffffff', 0.28);
}

/** Colours for the groups of a field, in order of first appearance; beyond the palette they vary in lightness. */
export function groupInk(index: number, theme: Theme): string {
  return ink(index % SLOTS, theme);
}

/** From low to high for colouring by a number (share 0 to 1): viridis-like, readable on both themes. */
export function ramp(share: number, theme: Theme): string {
  const stops = RAMP[theme];
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  return mix(stops[i]!, stops[i + 1]!, at - i);
}

const RAMP: Record<Theme, readonly string[]> = {
  light: ['#3b1f6b', '#31528d', '#1f7f88', '#3aa15f', '#b0a300'],
  dark: ['#8a6be0', '#5b93e0', '#3fbdb8', '#7fd66b', '#f5e14b'],
};

export function mix(a: string, b: string, share: number): string {
  const from = rgb(a);
  const to = rgb(b);
  return `#${from.map((c, i) => Math.round(c + (to[i]! - c) * share).toString(16).padStart(2, '0')).join('')}`;
}

export function rgb(hex: string): [number, number, number] {
  const n = parseInt(hex.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

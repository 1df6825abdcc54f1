/** Which colour a run has: from its id, different from the runs that started around it, the same on every visit. */

export type Theme = 'light' | 'dark';

interface Ink {
  light: string;
  dark: string;
}

// Neighbouring entries differ in lightness as well as hue, so that they stay apart without red and green.
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

/** FNV-1a over UTF-16 units: short, and good enough to spread ids over a dozen colours. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/**
 * Give each new id a slot, in the order of `ids`.
 *
 * The slot comes from the id; when one of the runs before it (a palette's worth) has that hue, the next free one is taken.
 * Ids in `known` keep theirs.
 */
export function assign(ids: readonly string[], known: ReadonlyMap<string, number>): Map<string, number> {
  const slots = new Map<string, number>();
  const recent: number[] = [];
  ids.forEach((id) => {
    let slot = known.get(id);
    if (slot === undefined) {
      const first = hash(id) % PALETTE.length;
      let hue = first;
      while (recent.includes(hue)) hue = (hue + 1) % PALETTE.length;
      slot = hue;
    }
    slots.set(id, slot);
    recent.push(slot % PALETTE.length);
    if (recent.length >= PALETTE.length) recent.shift();
  });
  return slots;
}

/**
 * Slots of the runs that are shown, no two alike while there are enough.
 *
 * Those shown before keep theirs (`held`). Another takes its own, from `assign`, if nobody shown has it, else the next free hue,
 * else a lighter or darker one.
 */
export function distinct(shown: readonly string[], own: ReadonlyMap<string, number>, held: ReadonlyMap<string, number>): Map<string, number> {
  const slots = new Map<string, number>();
  const taken = new Set<number>();
  const take = (id: string, slot: number) => {
    slots.set(id, slot);
    taken.add(slot);
  };
  for (const id of shown) {
    const slot = held.get(id);
    if (slot !== undefined && !taken.has(slot)) take(id, slot);
  }
  for (const id of shown) {
    if (slots.has(id)) continue;
    const first = own.get(id) ?? 0;
    let slot = first;
    for (let tries = 0; taken.has(slot) && tries < SLOTS; tries++) slot = nextSlot(slot, first);
    take(id, taken.has(slot) ? first : slot);
  }
  return slots;
}

/** The slot to try after one: hue after hue from `first` on, then the same again darker, then lighter. */
function nextSlot(slot: number, first: number): number {
  const n = PALETTE.length;
  const next = Math.floor(slot / n) * n + ((slot + 1) % n);
  return next % n === first % n ? (next + n) % SLOTS : next;
}

/** The colour of a slot as #rrggbb. */
export function ink(slot: number, theme: Theme): string {
  const base = PALETTE[slot % PALETTE.length]![theme];
  const variant = Math.floor(slot / PALETTE.length) % VARIANTS;
  return variant === 0 ? base : mix(base, variant === 1 ? '#000000' : '#ffffff', 0.28);
}

/** Colours for the groups of a field, in the order of first appearance; beyond the palette they vary in lightness. */
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

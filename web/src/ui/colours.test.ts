import { expect, test } from 'vitest';
import { distinct, ink, nearSlots, NO_COLOUR, PALETTE, rgb, SLOTS } from './colours';

const linear = (c: number) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);

function luminance(hex: string): number {
  const [r, g, b] = rgb(hex).map(linear) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

// Machado, Oliveira and Fernandes (2009), severity 1.
const SIGHT: Record<string, number[][]> = {
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

/** OKLab of a colour as seen with that colour vision. */
function seen(hex: string, kind: string): [number, number, number] {
  const own = rgb(hex).map(linear);
  const [r, g, b] = (SIGHT[kind] ?? [[1, 0, 0], [0, 1, 0], [0, 0, 1]]).map((row) =>
    Math.max(0, row.reduce((sum, weight, i) => sum + weight * own[i]!, 0)),
  ) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function apart(a: string, b: string, kind: string): number {
  return Math.hypot(...seen(a, kind).map((c, i) => c - seen(b, kind)[i]!));
}

test.each(['light', 'dark'] as const)('every colour stands out from the %s surface', (theme) => {
  const surface = theme === 'light' ? '#ffffff' : '#161719';
  for (const colour of PALETTE) expect(contrast(colour[theme], surface)).toBeGreaterThanOrEqual(3);
});

// 0.02 in OKLab is a just noticeable difference between fields; lines need more.
test.each([
  ['any', 'light'],
  ['any', 'dark'],
  ['protan', 'light'],
  ['protan', 'dark'],
  ['deutan', 'light'],
  ['deutan', 'dark'],
] as const)('any two colours differ for a %s eye in the %s theme', (kind, theme) => {
  const pairs = PALETTE.flatMap((a, i) => PALETTE.slice(i + 1).map((b) => [a[theme], b[theme], apart(a[theme], b[theme], kind)] as const));
  const close = pairs.filter(([, , distance]) => distance < (kind === 'any' ? 0.08 : 0.04));
  expect(close).toEqual([]);
});

test('every slot has its own colour', () => {
  expect(new Set(Array.from({ length: SLOTS }, (_, slot) => ink(slot, 'light'))).size).toBe(SLOTS);
});

const NONE = new Map<string, number>();
const named = (n: number) => Array.from({ length: n }, (_, i) => `run-${i}`);

test.each([1, 3, 13, SLOTS])('%d shown runs have as many colours, the first of the palette', (n) => {
  expect([...distinct(named(n), NONE, NONE).values()]).toEqual(Array.from({ length: n }, (_, i) => i));
});

test('a run keeps its colour while it is shown, whoever comes and goes', () => {
  const first = distinct(['a', 'b'], NONE, NONE);
  const second = distinct(['c', 'b', 'd'], first, NONE);
  expect(second.get('b')).toBe(first.get('b'));
  expect(new Set(second.values()).size).toBe(3);
});

test('a run that is shown again gets its colour back, unless another run has it', () => {
  const last = new Map([['a', 4], ['b', 5]]);
  expect(distinct(['a'], NONE, last).get('a')).toBe(4);
  const taken = distinct(['b', 'c', 'a'], new Map([['c', 4]]), last);
  expect([taken.get('b'), taken.get('c'), taken.get('a')]).toEqual([5, 4, 0]);
});

test('more runs than colours share them evenly and keep them', () => {
  const slots = distinct(named(SLOTS + 5), NONE, NONE);
  const uses = [...slots.values()].reduce((n, slot) => n.set(slot, (n.get(slot) ?? 0) + 1), new Map<number, number>());
  expect(uses.size).toBe(SLOTS);
  expect(Math.max(...uses.values())).toBe(2);
  expect(distinct(named(SLOTS + 5).reverse(), slots, NONE)).toEqual(slots);
});

test('no run gets a colour that looks like one chosen by hand for another', () => {
  const avoided = nearSlots(['#2368dd', '#c0c0c0']);
  expect(avoided).toContain(0);
  expect([...distinct(named(3), NONE, NONE, avoided).values()].filter((slot) => avoided.has(slot))).toEqual([]);
});

test.each(['light', 'dark'] as const)('the grey of runs that are not shown stands out from the %s surface', (theme) => {
  expect(contrast(NO_COLOUR, theme === 'light' ? '#ffffff' : '#161719')).toBeGreaterThanOrEqual(3);
});

import { expect, test } from 'vitest';
import { assign, distinct, hash, ink, PALETTE, rgb, SLOTS } from './colours';

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

/** OKLab of a colour as an eye of that kind sees it. */
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

test('a dozen runs that follow each other have a dozen colours', () => {
  const ids = Array.from({ length: 200 }, (_, i) => `20261122-${i}-k7qd`);
  const slots = assign(ids, new Map());
  for (let i = 0; i + PALETTE.length <= ids.length; i++) {
    const hues = ids.slice(i, i + PALETTE.length).map((id) => slots.get(id)! % PALETTE.length);
    expect(new Set(hues).size).toBe(PALETTE.length);
  }
});

test('runs keep their colours when younger ones come and older ones go', () => {
  const ids = Array.from({ length: 40 }, (_, i) => `run-${i}`);
  const before = assign(ids.slice(0, 30), new Map());
  const after = assign(ids.slice(5), before);
  for (const id of ids.slice(5, 30)) expect(after.get(id)).toBe(before.get(id));
});

test('the first choice comes from the id alone', () => {
  expect(assign(['some-run'], new Map()).get('some-run')).toBe(hash('some-run') % PALETTE.length);
});

test('every slot has its own colour', () => {
  expect(new Set(Array.from({ length: SLOTS }, (_, slot) => ink(slot, 'light'))).size).toBe(SLOTS);
});

test.each([2, 12, 13, SLOTS])('%d shown runs that all began with one colour are shown in as many', (n) => {
  const ids = Array.from({ length: n }, (_, i) => `run-${i}`);
  const slots = distinct(ids, new Map(ids.map((id) => [id, 7])), new Map());
  expect(new Set(slots.values()).size).toBe(n);
  expect(slots.get('run-0')).toBe(7);
});

test('a run keeps its colour while it is shown, whoever comes and goes', () => {
  const own = new Map([['a', 3], ['b', 3], ['c', 3]]);
  const first = distinct(['b'], own, new Map());
  const second = distinct(['a', 'b', 'c'], own, first);
  expect(second.get('b')).toBe(3);
  const third = distinct(['a', 'c'], own, second);
  expect([third.get('a'), third.get('c')]).toEqual([second.get('a'), second.get('c')]);
});

test('more runs than colours share them', () => {
  const ids = Array.from({ length: SLOTS + 5 }, (_, i) => `run-${i}`);
  const slots = distinct(ids, assign(ids, new Map()), new Map());
  expect(new Set(slots.values()).size).toBe(SLOTS);
  expect(slots.size).toBe(ids.length);
});

/** The same layouts in Python (netscope.analyse.layered): both are compared with one file. UPDATE_LAYOUTS=1 rewrites it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { layOut } from './layered';
import type { Problem } from './problem';

/** Tests run in `web/`. */
const FILE = '../tests/data/layouts.json';

interface Case {
  widths: number[];
  heights: number[];
  sources: number[];
  targets: number[];
  is_anchor: boolean[];
}

function problemOf({ widths, heights, sources, targets, is_anchor }: Case): Problem {
  const m = sources.length;
  return {
    nBoxes: widths.length,
    nIn: 0,
    nOut: 0,
    across: Float32Array.from(widths),
    along: Float32Array.from(heights),
    isAnchor: Uint8Array.from(is_anchor, Number),
    edgeFrom: Int32Array.from(sources),
    edgeTo: Int32Array.from(targets),
    edgeNet: Int32Array.from(sources),
    fromAt: new Float32Array(m),
    toAt: new Float32Array(m),
    isFixed: new Uint8Array(m),
  };
}

function solved(given: Case) {
  const { across, along, centre, top, corners, cornerEnds, ownFrom, isBack } = layOut(problemOf(given));
  const round = (value: number) => Math.round(value * 1000) / 1000;
  const paths = [...cornerEnds].map((end, e) => Array.from(corners.subarray(2 * (e ? cornerEnds[e - 1]! : 0), 2 * end), round));
  return { width: round(across), height: round(along), centres: Array.from(centre, round), tops: Array.from(top, round), corners: paths, own_from: [...ownFrom], is_back: Array.from(isBack, Boolean) };
}

/** Chains, shortcuts, loops, hubs and what nothing feeds, the same every time. */
function cases(): Case[] {
  let state = 7;
  const next = (n: number) => (state = (state * 48271) % 2147483647) % n;
  const made: Case[] = [];
  for (let i = 0; i < 14; i++) {
    const n = 2 + next(i < 10 ? 14 : 60);
    const pairs = new Set<string>();
    if (i > 0) for (let v = 1; v < n; v++) if (next(8)) pairs.add(`${Math.max(0, v - 1 - next(3))} ${v}`);
    if (i > 0) for (let e = 0; e < n; e++) pairs.add(`${next(i % 3 ? n : 2)} ${next(n)}`);
    const edges = [...pairs].map((pair) => pair.split(' ').map(Number) as [number, number]).filter(([a, b]) => a !== b && (i % 2 === 1 || a < b));
    edges.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
    made.push({ widths: Array.from({ length: n }, () => 60 + 2 * next(60)), heights: Array.from({ length: n }, () => 26 + next(20)), sources: edges.map(([a]) => a), targets: edges.map(([, b]) => b), is_anchor: Array.from({ length: n }, (_, v) => v === 0) });
  }
  return made;
}

if (process.env['UPDATE_LAYOUTS']) writeFileSync(FILE, JSON.stringify(cases().map((given) => ({ given, expected: solved(given) }))) + '\n');

test('layouts are those that Python is compared with', () => {
  const kept = JSON.parse(readFileSync(FILE, 'utf8')) as { given: Case; expected: ReturnType<typeof solved> }[];
  expect(kept.map(({ given }) => given)).toEqual(cases());
  for (const { given, expected } of kept) expect(solved(given)).toEqual(expected);
});

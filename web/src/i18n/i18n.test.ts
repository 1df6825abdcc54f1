import { expect, test } from 'vitest';
import { en } from './en';
import { zh } from './zh';

type Leaf = [path: string, value: unknown];

function leaves(value: unknown, path = ''): Leaf[] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`));
}

/** A message as text, whatever it wants to be told. */
function spoken(value: unknown): string {
  return typeof value === 'function' ? String((value as (...a: unknown[]) => unknown)('7', '9', '5', '4')) : String(value);
}

const english = leaves(en);
const chinese = new Map(leaves(zh));

test('both languages have the same messages, of the same kind', () => {
  expect([...chinese.keys()].sort()).toEqual(english.map(([path]) => path).sort());
  for (const [path, value] of english) expect([path, typeof chinese.get(path)]).toEqual([path, typeof value]);
});

const sources = Object.entries(import.meta.glob<string>('../**/*.{ts,svelte}', { query: '?raw', import: 'default', eager: true }))
  .filter(([path]) => !path.startsWith('./') && !path.includes('.test.'))
  .map(([, text]) => text)
  .join('\n');
const used = new Set(sources.match(/\w+/g));

test('no message is unused', () => {
  expect(english.map(([path]) => path).filter((path) => !used.has(path.slice(path.lastIndexOf('.') + 1)))).toEqual([]);
});

test('no message is empty', () => {
  for (const [path, value] of [...english, ...chinese]) expect([path, spoken(value).trim()]).not.toEqual([path, '']);
});

test('what a message is told appears in it, in both languages', () => {
  for (const [path, value] of english) {
    if (typeof value !== 'function' || value.length !== 1) continue;
    expect([path, spoken(value).includes('7')]).toEqual([path, spoken(chinese.get(path)).includes('7')]);
  }
});

test('a sentence of several words was translated', () => {
  const same = english.filter(([path, value]) => /\w+ \w+ \w+/.test(spoken(value)) && spoken(value) === spoken(chinese.get(path)));
  expect(same).toEqual([]);
});

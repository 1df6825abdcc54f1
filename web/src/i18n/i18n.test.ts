import { expect, test } from 'vitest';
import { ENGLISH, LANGUAGES, load, nameOf, preferred, type Language } from './languages';
import { messages } from './languages/en';

type Leaf = [path: string, value: unknown];

function leaves(value: unknown, path = ''): Leaf[] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`));
}

/** A message as text, whatever arguments it takes. */
function spoken(value: unknown): string {
  return typeof value === 'function' ? String((value as (...a: unknown[]) => unknown)('7', '9', '5', '4')) : String(value);
}

const english = leaves(messages);
const all = await Promise.all(LANGUAGES.map(async (code): Promise<[string, Language]> => [code, await load(code)]));
const translations = all.filter(([code]) => code !== ENGLISH);

test('the page uses the first language of the browser that it supports', () => {
  expect(translations.map(([code]) => code)).toContain('zh');
  expect(preferred(['tlh', 'zh-TW', 'en'])).toBe('zh');
  expect(preferred(['EN-gb', 'zh'])).toBe('en');
  expect(preferred(['tlh'])).toBe('en');
});

test.each(translations)('%s has the same messages as English, of the same kind', (_, language) => {
  const translated = new Map(leaves(language.messages));
  expect([...translated.keys()].sort()).toEqual(english.map(([path]) => path).sort());
  for (const [path, value] of english) expect([path, typeof translated.get(path)]).toEqual([path, typeof value]);
});

const sources = Object.entries(import.meta.glob<string>('../**/*.{ts,svelte}', { query: '?raw', import: 'default', eager: true }))
  .filter(([path]) => !path.startsWith('./') && !path.includes('.test.'))
  .map(([, text]) => text)
  .join('\n');
const used = new Set(sources.match(/\w+/g));

test('no message is unused', () => {
  expect(english.map(([path]) => path).filter((path) => !used.has(path.slice(path.lastIndexOf('.') + 1)))).toEqual([]);
});

test.each(all)('%s has a name and a locale that browsers know, and no message is empty', (code, language) => {
  expect(nameOf(code)).not.toBe(code);
  expect(Intl.DateTimeFormat.supportedLocalesOf(language.locale)).toEqual([language.locale]);
  for (const [path, value] of leaves(language.messages)) expect([path, spoken(value).trim()]).not.toEqual([path, '']);
});

test.each(translations)('the arguments of a message appear in it, in %s as in English', (_, language) => {
  const translated = new Map(leaves(language.messages));
  for (const [path, value] of english) {
    if (typeof value !== 'function' || value.length !== 1) continue;
    expect([path, spoken(value).includes('7')]).toEqual([path, spoken(translated.get(path)).includes('7')]);
  }
});

test.each(translations)('every sentence of several words was translated to %s', (_, language) => {
  const translated = new Map(leaves(language.messages));
  const same = english.filter(([path, value]) => /\w+ \w+ \w+/.test(spoken(value)) && spoken(value) === spoken(translated.get(path)));
  expect(same).toEqual([]);
});

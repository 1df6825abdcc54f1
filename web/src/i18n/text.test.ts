import { expect, test } from 'vitest';
import shared from '../../../tests/data/names.json';
import { byName, legible, oneLine, visible, visibleLines } from './text';

test.each(shared.sorted)('names are in natural order, as in text.py: %j', (...names: string[]) => {
  expect(names.toReversed().sort(byName)).toEqual(names);
});

test.each(shared.shown as [string, string][])('invisible characters are shown, as in text.py: %j', (text, seen) => {
  expect(visible(text)).toBe(seen);
});

test('a name written from right to left is isolated from its surroundings', () => {
  expect(legible('מודל')).toBe('\u2068מודל\u2069');
  expect(legible('model')).toBe('model');
  expect(legible(' ')).toBe('⟨U+0020⟩');
  expect(legible('a b')).toBe('a b');
  expect(legible('\u202eevil')).toBe('⟨U+202E⟩evil');
});

test('lines stay lines, with invisible characters shown', () => {
  expect(visibleLines('one\n\ttwo\u202e\n')).toBe('one\n\ttwo⟨U+202E⟩\n');
  expect(visibleLines('\u28c0\u2800\u28e0')).toBe('\u28c0\u2800\u28e0');
});

test('a note of several lines is one line in a cell', () => {
  expect(oneLine(' one\n  two\t\u202ethree ')).toBe('one two ⟨U+202E⟩three');
});

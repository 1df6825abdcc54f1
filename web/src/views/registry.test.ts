import { afterEach, expect, test } from 'vitest';
import { decode, encode, NOTHING } from '../state/address';
import { selection } from '../state/selection.svelte';
import { SECTIONS, shownView, VIEWS, viewsOf } from './registry';

afterEach(() => selection.set(NOTHING));

test.each(VIEWS.map((view) => view.id))('the address of %s opens it', (id) => {
  selection.set(decode(new URL(`http://host/${encode({ ...NOTHING, view: id })}`), '/'));
  expect(shownView().id).toBe(id);
});

test('the address of a view that does not exist opens the runs', () => {
  selection.set(decode(new URL('http://host/nonsense?run=a'), '/'));
  expect(shownView().id).toBe('runs');
});

test('no two views share an id or a key', () => {
  expect(new Set(VIEWS.map((view) => view.id)).size).toBe(VIEWS.length);
  expect(new Set(VIEWS.map((view) => view.key)).size).toBe(VIEWS.length);
});

test('every view is in a section, and every section has a view', () => {
  expect(SECTIONS.flatMap((section) => viewsOf(section.id)).length).toBe(VIEWS.length);
  for (const section of SECTIONS) expect(viewsOf(section.id)).not.toEqual([]);
});

import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import type { Run } from '../api/schema.gen';
import { colours } from './colours.svelte';
import { current } from './current.svelte';
import { listing } from './listing.svelte';
import { runs } from './runs.svelte';
import { selection } from './selection.svelte';
import { N_NEWEST, shown } from './shown.svelte';

const IDS = Array.from({ length: 12 }, (_, i) => `run${i}`);
const run = (id: string, created: number) =>
  ({ id, name: id, state: 'finished', created, config: {}, summary: {}, tags: [], notes: '', archived: id === 'run0', revision: 1 }) as unknown as Run;
const reply = (body: unknown) => new Response(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } });

/** Act as if this address had been typed. */
function go(address: string): void {
  history.replaceState(null, '', address);
  dispatchEvent(new PopStateEvent('popstate'));
}

beforeEach(async () => {
  vi.stubGlobal('fetch', (address: string) => Promise.resolve(reply(address.includes('runs?') ? { revision: 3, runs: IDS.map(run), removed: [] } : { token: 'secret', runs: [], problems: [] })));
  go('/curves');
  if (!runs.loaded) await runs.refresh();
});
afterAll(() => vi.unstubAllGlobals());

test('the newest runs are shown until the user chooses, except archived ones', () => {
  expect([...shown.ids]).toEqual(IDS.slice(-N_NEWEST).reverse());
});

test.each(['/curves?run=run0', '/curves?run=run0#show=run3', '/curves?run=run0#show=*'])('an opened run is shown whatever the link says is: %s', (address) => {
  go(address);
  expect(current.run?.id).toBe('run0');
  expect(shown.has('run0')).toBe(true);
});

test('opening a hidden run shows it beside the others', () => {
  go('/curves?run=run4#show=run3,run4');
  shown.hide(['run4']);
  expect([...shown.ids]).toEqual(['run3']);
  expect(current.run?.id).toBe('run4');
  current.open('run3');
  expect([...shown.ids]).toEqual(['run3']);
  current.open('run4');
  expect([...shown.ids]).toEqual(['run4', 'run3']);
});

test('hiding one of the newest runs shows no other instead, and future runs are still shown', () => {
  shown.hide(['run11']);
  expect([...shown.ids]).toEqual(IDS.slice(2, 11).reverse());
  expect(selection.shown.of).toBe('newest');
  shown.show(['run11']);
  expect(selection.href({})).toBe('/curves');
});

test('an opened run is shown in addition to those of the rule', () => {
  shown.hide(['run11']);
  shown.show(['run1']);
  expect([...shown.ids]).toEqual(IDS.slice(1, 11).reverse());
});

test('only some runs are shown even when another is open', () => {
  go('/curves?run=run5');
  shown.showOnly(['run2', 'run3']);
  expect([...shown.ids]).toEqual(['run3', 'run2']);
  expect(current.run?.id).toBe('run3');
});

test('a filter hides no shown run, and those that do not match are listed', () => {
  go('/curves#show=run3,run4');
  listing.search = 'run3';
  expect([...shown.ids]).toEqual(['run4', 'run3']);
  expect(shown.unlisted.map((one) => one.id)).toEqual(['run4']);
});

test('if all matching runs are shown, the filter decides, even for future runs', () => {
  shown.hide(shown.ids);
  shown.toggleListed();
  expect(shown.ids).toHaveLength(11);
  expect(shown.followsFilter).toBe(false);
  listing.search = '/run[34]$/';
  expect([...shown.ids]).toEqual(['run4', 'run3']);
  expect(shown.followsFilter).toBe(true);
  expect(selection.href({})).toBe('/curves?filter=%2Frun%5B34%5D%24%2F#show=*');
  shown.toggleListed();
  expect(shown.ids).toHaveLength(0);
});

test('no other run replaces one in the address that does not exist', () => {
  go('/overview?run=gone');
  expect(current.isMissing).toBe(true);
  expect(current.run).toBeNull();
  go('/overview?run=run5');
  expect(current.run?.id).toBe('run5');
});

test('a run keeps its colour while others come and go', () => {
  go('/curves#show=run3,run4');
  const before = [colours.of('run3'), colours.of('run4')];
  go('/curves#show=run1,run4,run5');
  expect(colours.of('run4')).toBe(before[1]);
  expect(new Set(['run1', 'run4', 'run5'].map((id) => colours.of(id))).size).toBe(3);
  go('/curves#show=run3,run4');
  expect(colours.of('run4')).toBe(before[1]);
});

import { afterEach, expect, test, vi } from 'vitest';
import type { Run } from '../api/schema.gen';
import { runs } from './runs.svelte';
import { selection } from './selection.svelte';

const run = (id: string) => ({ id, name: id, state: 'finished', created: 1, config: {}, summary: {}, tags: [], archived: false, revision: 1 }) as unknown as Run;
const reply = (body: unknown) => new Response(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } });
const restored = () => Promise.resolve(reply({ runs: [], problems: [] }));
const table = (revision: number, ids: string[]) => reply({ revision, runs: ids.map(run), removed: [] });

/** A server that answers like this, and gives its token to who asks. */
const serve = (answer: (address: string) => Promise<Response>) =>
  vi.stubGlobal('fetch', (address: string) => (address.includes('about') ? Promise.resolve(reply({ token: 'secret' })) : answer(address)));

afterEach(() => vi.unstubAllGlobals());

test('a reply under way when a run is restored does not stand for the whole table', async () => {
  const part: { come?: (reply: Response) => void } = {};
  serve((address) => {
    if (address.includes('restore')) return Promise.resolve(reply({ runs: ['c'], problems: [] }));
    if (address.includes('since=0')) return Promise.resolve(table(6, ['a', 'b', 'c']));
    return new Promise<Response>((resolve) => (part.come = resolve));
  });
  await runs.refresh();
  const changed = runs.refresh(); // asks what changed since 6
  await runs.restore(['c']);
  part.come!(table(7, ['c']));
  await changed;
  expect([...runs.all.keys()].sort()).toEqual(['a', 'b', 'c']);
});

test('an act stands against a table that was asked for before it', async () => {
  const late: { come?: (reply: Response) => void } = {};
  serve((address) => {
    if (address.includes('restore')) return restored();
    if (address.includes('edit')) return Promise.resolve(reply([{ ...run('a'), archived: true, revision: 2 }]));
    if (address.includes('delete')) return Promise.resolve(reply({ runs: ['b'], problems: ['c is still running'], written: ['c'] }));
    if (address.includes('since=0')) return Promise.resolve(table(6, ['a', 'b', 'c']));
    return new Promise<Response>((resolve) => (late.come = resolve));
  });
  await runs.restore([]);
  const changed = runs.refresh();
  const acts = [runs.edit({ runs: ['a'], archived: true }), runs.delete(['b', 'c'])] as const;
  const seen = () => [...runs.all.values()].map((one) => one.id + (one.archived ? ' archived' : ''));
  for (let turn = 0; turn < 20; turn++) {
    expect(seen()).toEqual(['a archived']);
    await Promise.resolve();
  }
  late.come!(table(6, ['a', 'b', 'c']));
  await changed;
  expect(seen()).toEqual(['a archived']);
  expect(await acts[1]).toEqual({ runs: ['b'], problems: ['c is still running'], written: ['c'] });
  await acts[0];
  expect(seen()).toEqual(['a archived', 'c']);
});

test('an act that the server refuses is taken back', async () => {
  serve((address) => {
    if (address.includes('restore')) return restored();
    if (address.includes('since=')) return Promise.resolve(table(6, ['a', 'b']));
    return Promise.resolve(new Response('{"error": "no room"}', { status: 507 }));
  });
  await runs.restore([]);
  const before = [...runs.all.values()];
  const acts = [runs.edit({ runs: ['a'], name: 'other' }), runs.delete(['b'])];
  expect([...runs.all.values()].map((one) => one.name)).toEqual(['other']);
  await Promise.all(acts.map((act) => expect(act).rejects.toThrow('no room')));
  expect([...runs.all.values()]).toEqual(before);
});

test('no other run stands for one that the address names and that is not here', async () => {
  serve(() => Promise.resolve(table(8, ['a', 'b'])));
  selection.replace({ run: 'gone' });
  await runs.restore([]);
  expect(runs.isMissing).toBe(true);
  expect(runs.focused).toBeNull();
  selection.replace({ run: 'b' });
  expect(runs.focused?.id).toBe('b');
  selection.replace({ run: null });
  expect(runs.isMissing).toBe(false);
  expect(runs.focused).not.toBeNull();
});

test('all that pass the filter are those that pass the filter of the address', async () => {
  serve(() => Promise.resolve(table(9, ['cnn-1', 'vit-1', 'vit-2'])));
  const before = location.href;
  history.replaceState(null, '', '/runs?filter=vit#compare=*');
  dispatchEvent(new PopStateEvent('popstate'));
  await runs.restore([]);
  expect(runs.search).toBe('vit');
  expect(runs.compared).toEqual(['vit-1', 'vit-2']);
  runs.search = '';
  expect(selection.href({})).toBe('/runs#compare=*');
  expect(runs.compared).toHaveLength(3);
  history.replaceState(null, '', before);
  dispatchEvent(new PopStateEvent('popstate'));
});

test('a run that is opened is compared where nobody chose what is', async () => {
  const ids = Array.from({ length: 12 }, (_, i) => `run${i}`);
  serve(() => Promise.resolve(reply({ revision: 10, runs: ids.map((id, i) => ({ ...run(id), created: i })), removed: [] })));
  selection.replace({ run: null, compared: 'auto' });
  await runs.restore([]);
  expect(runs.ticked.has('run0')).toBe(false);
  selection.replace({ run: 'run0' });
  expect(runs.compared).toHaveLength(11);
  expect(runs.compared).toContain('run0');
  runs.tick(['run0'], false);
  expect(runs.compared).toHaveLength(10);
  expect(runs.compared).not.toContain('run0');
  selection.replace({ run: null, compared: 'auto' });
});

import { afterEach, expect, test, vi } from 'vitest';
import type { Run } from '../api/schema.gen';
import { runs } from './runs.svelte';

const run = (id: string) => ({ id, name: id, state: 'finished', created: 1, config: {}, summary: {}, tags: [], archived: false, revision: 1 }) as unknown as Run;
const reply = (body: unknown) => new Response(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } });
const restored = () => Promise.resolve(reply({ runs: [], problems: [] }));
const table = (revision: number, ids: string[]) => reply({ revision, runs: ids.map(run), removed: [] });

/** A server that answers like this, and gives its token to who asks. */
const serve = (answer: (address: string) => Promise<Response>) =>
  vi.stubGlobal('fetch', (address: string) => (address.includes('about') ? Promise.resolve(reply({ token: 'secret' })) : answer(address)));

afterEach(() => vi.unstubAllGlobals());

test('a reply in flight when a run is restored is not taken for the whole table', async () => {
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

test('an edit is kept over a table that was requested before it', async () => {
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

test('an edit that the server refuses is reverted', async () => {
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

import { afterEach, expect, test, vi } from 'vitest';
import { api } from './client';

const reply = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

afterEach(() => vi.unstubAllGlobals());

test('a change carries the token of the server, and a new one after the server was restarted', async () => {
  let current = 'first';
  const sent: (string | undefined)[] = [];
  vi.stubGlobal('fetch', (address: string, init: RequestInit) => {
    if (address.includes('about')) return Promise.resolve(reply({ token: current }));
    const given = (init.headers as Record<string, string>)['X-Netscope-Token'];
    sent.push(given);
    return Promise.resolve(given === current ? reply({ runs: ['a'], problems: [] }) : reply({ error: 'no' }, 403));
  });
  await api.delete(['a']);
  current = 'second';
  expect((await api.delete(['a'])).runs).toEqual(['a']);
  expect(sent).toEqual(['first', 'first', 'second']);
});

test('a refusal that a new token does not fix is reported', async () => {
  vi.stubGlobal('fetch', (address: string) => Promise.resolve(address.includes('about') ? reply({ token: 'x' }) : reply({ error: 'not allowed' }, 403)));
  await expect(api.delete(['a'])).rejects.toThrow('not allowed');
});

test('a connection lost in the middle of a reply is reported like one that could not be made', async () => {
  const cut = () => new Response(new ReadableStream({ pull: (stream) => stream.error(new TypeError('Failed to fetch')) }));
  vi.stubGlobal('fetch', () => Promise.resolve(cut()));
  await expect(api.jobs()).rejects.toMatchObject({ name: 'ApiError', status: 0 });
  await expect(api.blobBytes('run', 'blob')).rejects.toMatchObject({ name: 'ApiError', status: 0 });
  await expect(api.series({ runs: [], keys: [] } as never)).rejects.toMatchObject({ name: 'ApiError', status: 0 });
});

import { expect, test } from 'vitest';
import { decode, encode, NOTHING, type Selection } from './address';

const there = (address: string, base = '/') => decode(new URL(`http://host${base}${address}`), base);

const SELECTIONS: Selection[] = [
  NOTHING,
  { ...NOTHING, view: 'curves', run: 'a', step: 40, layer: 'features.0' },
  { ...NOTHING, view: 'layers', step: -3, shown: { of: [], except: [] } },
  { ...NOTHING, shown: { of: ['a,b', 'ü#%', '*', 'a&hide=b'], except: [] } },
  { ...NOTHING, shown: { of: 'all', except: [] } },
  { ...NOTHING, shown: { of: 'all', except: ['20261122-031522-k7qd'] } },
  { ...NOTHING, shown: { of: 'newest', except: ['a', 'b,c'] } },
  { ...NOTHING, run: 'a', shown: { of: ['b'], except: ['a'] } },
  { ...NOTHING, view: 'curves', run: 'a b&c=d', more: { x: 'relative', find: 'a=b&c' } },
  { ...NOTHING, shown: { of: 'all', except: [] }, more: { filter: 'config.lr < 0.01 and name ~ "a+b&c#"' } },
  { ...NOTHING, more: { toString: 'x', model: 'not a kind' } },
  { ...NOTHING, step: 0, layer: '' },
  { ...NOTHING, step: Number.MAX_SAFE_INTEGER },
];

test.each(SELECTIONS)('an address restores the selection it was made of: %o', (selection) => {
  expect(there(encode(selection))).toEqual(selection);
  expect(there(encode(selection), '/user/proxy/6060/')).toEqual(selection);
});

test('a run named like the sign for all is not taken for all', () => {
  expect(there(encode({ ...NOTHING, shown: { of: ['*'], except: [] } })).shown).toEqual({ of: ['*'], except: [] });
});

test('a thousand shown runs are not part of what is sent to the server', () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `20261122-031522-${i}`);
  const url = new URL(`http://host/${encode({ ...NOTHING, shown: { of: ids, except: [] } })}`);
  expect(url.pathname + url.search).toBe('/runs');
  expect(decode(url, '/').shown).toEqual({ of: ids, except: [] });
});

test('invalid parts of an address are ignored', () => {
  expect(there('no/view?step=abc&run=a')).toEqual({ ...NOTHING, run: 'a' });
  expect(there('curves?step=1e99').step).toBeNull();
  expect(there('curves?step=9007199254740993').step).toBeNull();
  expect(there('runs#show=%E0%A4%A').shown).toEqual({ of: ['%E0%A4%A'], except: [] });
});

test('an empty address leaves the view open, one that names runs means the table', () => {
  expect([there('').view, there('#show=a').view, there('?filter=a').view]).toEqual(['', 'runs', 'runs']);
});

test('links of older versions are read', () => {
  expect(there('curves#compare=a,b').shown).toEqual({ of: ['a', 'b'], except: [] });
  expect(there('curves#compare=*,a').shown).toEqual({ of: 'all', except: ['a'] });
});

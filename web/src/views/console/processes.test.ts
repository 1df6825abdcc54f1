import { expect, test } from 'vitest';
import { messages as en } from '../../i18n/languages/en';
import { processName, shortName } from './processes';

test.each([
  ['main', 'main process'],
  ['rank 12', 'rank 12'],
  ['4711 on node-3', 'process 4711 on node-3'],
  ['something else', 'something else'],
])('%s is called %s', (process, name) => {
  expect(processName(process, en.console.processes)).toBe(name);
});

test('in a narrow column names are short', () => {
  const words = en.console.processes;
  expect(['main', 'rank 12', '4711 on node-3'].map((one) => shortName(one, words))).toEqual(['main', 'rank 12', '4711']);
});

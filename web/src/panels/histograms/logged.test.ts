import { expect, test } from 'vitest';
import { places } from './logged';

test('the runs of a key are side by side, in the order of the runs', () => {
  const keys = new Map([['second', ['w', 'b']], ['first', ['w']], ['none', []]]);
  expect(places(keys, () => true)).toEqual([
    { key: 'b', run: 'second' },
    { key: 'w', run: 'second' },
    { key: 'w', run: 'first' },
  ]);
  expect(places(keys, (key) => key === 'b')).toEqual([{ key: 'b', run: 'second' }]);
});

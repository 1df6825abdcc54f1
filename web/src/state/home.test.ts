import { expect, test } from 'vitest';
import type { Run } from '../api/schema.gen';
import { homeOf } from './home';

const run = (id: string, state: Run['state'], archived = false) => ({ id, state, archived }) as Run;

test('the page opens with the only run, or the one that is running, otherwise with the table', () => {
  expect(homeOf([run('a', 'finished')])).toEqual({ view: 'overview', run: 'a' });
  expect(homeOf([run('a', 'finished'), run('b', 'running')])).toEqual({ view: 'overview', run: 'b' });
  expect(homeOf([run('a', 'finished', true), run('b', 'crashed')])).toEqual({ view: 'overview', run: 'b' });
  expect(homeOf([run('a', 'finished'), run('b', 'crashed')])).toEqual({ view: 'runs' });
  expect(homeOf([run('a', 'running'), run('b', 'running')])).toEqual({ view: 'runs' });
  expect(homeOf([])).toEqual({ view: 'runs' });
});

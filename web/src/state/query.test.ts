import { describe, expect, test } from 'vitest';
import shared from '../../../tests/data/queries.json';
import type { Run } from '../api/schema.gen';
import { understand } from './query';

const runs = shared.runs as unknown as Run[];

describe('the filter language agrees with store/query.py', () => {
  test.each(shared.cases)('$query', (told) => {
    const query = understand(told.query);
    expect(query.problem).toBeNull();
    expect(runs.filter(query.test).map((run) => run.id)).toEqual(told.ids);
  });

  test.each(shared.bad)('%s is told to be misread, and then every run passes', (text) => {
    const query = understand(text);
    expect(query.problem).not.toBeNull();
    expect(runs.filter(query.test)).toHaveLength(runs.length);
  });
});

test('a filter names the series whose summaries it needs', () => {
  expect(understand('summary["val/acc"].max > 0.9 and summary.loss < 1').keys).toEqual(['val/acc', 'loss']);
});

test('a misread filter says which piece was not expected', () => {
  expect(understand('lr < 0.1').problem).toMatchObject({ reason: 'name', piece: 'lr', at: 0 });
  expect(understand('config.lr <').problem).toMatchObject({ reason: 'end' });
  expect(understand('state == "run').problem).toMatchObject({ reason: 'quote' });
});

test('plain words with a hyphen or a dot are words, not a filter', () => {
  expect(understand('cnn-12').kind).toBe('words');
  expect(understand('lr 0.1').kind).toBe('words');
});

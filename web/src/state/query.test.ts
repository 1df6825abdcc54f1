import { describe, expect, test } from 'vitest';
import shared from '../../../tests/data/queries.json';
import type { Run } from '../api/schema.gen';
import { withNumbers } from '../api/client';
import { sortRuns } from './fields';
import { understand, unknownName } from './query';

const numbers = structuredClone(shared.numbers);
const exact = (numbers.runs as unknown as Run[]).map(withNumbers);
const runs = shared.runs as unknown as Run[];

describe('the filter language agrees with store/query/run_filter.py', () => {
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

describe('numbers that JSON cannot hold', () => {
  test.each(numbers.cases)('are compared exactly: $query', (told) => {
    const query = understand(told.query);
    expect(query.problem).toBeNull();
    expect(exact.filter(query.test).map((run) => run.id)).toEqual(told.ids);
  });

  test.each(numbers.sorted)('are sorted exactly, what is none comes last: $by', ({ by, ids }) => {
    const field = by.replace(/^-?(config|summary)\./, '$1:');
    expect(sortRuns(exact, [{ field, descending: by.startsWith('-') }]).map((run) => run.id)).toEqual(ids);
  });
});

test('a filter names the series whose summaries it needs', () => {
  expect(understand('summary["val/acc"].max > 0.9 and summary.loss < 1').keys).toEqual(['val/acc', 'loss']);
});

test('a misread filter says which piece was not expected', () => {
  expect(understand('config.lr <').problem).toMatchObject({ reason: 'end' });
  expect(understand('state == "run').problem).toMatchObject({ reason: 'quote' });
});

test('a name that stands alone is of the configuration or a series; one that no run has is misspelt', () => {
  expect(understand('lr < 0.1').problem).toBeNull();
  expect(unknownName(understand('lr < 0.1 and loss < 1'), runs, [{ key: 'loss' }])).toBeNull();
  expect(unknownName(understand('lr < 0.1 and stat == "x"'), runs, [])).toMatchObject({ reason: 'name', piece: 'stat', at: 13 });
  expect(unknownName(understand('stat == "x"'), [], [])).toBeNull();
});

test('plain words with a hyphen or a dot are words, not a filter', () => {
  expect(understand('cnn-12').kind).toBe('words');
  expect(understand('lr 0.1').kind).toBe('words');
});

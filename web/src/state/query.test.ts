import { describe, expect, test } from 'vitest';
import shared from '../../../tests/data/queries.json';
import type { Run } from '../api/schema.gen';
import { withNumbers } from '../api/client';
import { sortRuns } from './fields';
import { understand } from './query';

const numbers = structuredClone(shared.numbers);
const exact = (numbers.runs as unknown as Run[]).map(withNumbers);
const runs = shared.runs as unknown as Run[];

describe('the filter language agrees with store/query/run_filter.py', () => {
  test.each(shared.cases)('$query', (told) => {
    const query = understand(told.query);
    expect(query.problem).toBeNull();
    expect(runs.filter(query.test).map((run) => run.id)).toEqual(told.ids);
  });

  test.each(shared.bad)('%s is reported as invalid, and then every run matches', (text) => {
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

  test.each(numbers.sorted)('are sorted exactly, missing ones last: $by', ({ by, ids }) => {
    const field = by.replace(/^-?(config|summary)\./, '$1:');
    expect(sortRuns(exact, [{ field, descending: by.startsWith('-') }]).map((run) => run.id)).toEqual(ids);
  });
});

test('a filter names the series whose summaries it needs', () => {
  expect(understand('summary["val/acc"].max > 0.9 and summary.loss < 1').keys).toEqual(['val/acc', 'loss']);
});

test('an invalid filter names the unexpected piece', () => {
  expect(understand('config.lr <').problem).toMatchObject({ reason: 'end' });
  expect(understand('state == "run').problem).toMatchObject({ reason: 'quote' });
});

const known = {
  config: new Set(runs.flatMap((run) => Object.keys(run.config))),
  series: new Set(runs.flatMap((run) => Object.keys(run.summary))),
};

test.each(shared.resolved)('a name stands for the only key that ends with it: $query', (told) => {
  const query = understand(told.query, known);
  expect(query.problem).toBeNull();
  expect(runs.filter(query.test).map((run) => run.id)).toEqual(told.ids);
});

test.each(shared.near)('a near miss is answered with a suggestion: $query', (told) => {
  const query = understand(told.query, known);
  expect(query.problem?.instead).toEqual([told.instead]);
  expect(runs.filter(query.test)).toHaveLength(runs.length);
});

test.each(shared.hopeless)('an ambiguous filter is not guessed: %s', (text) => {
  expect(understand(text, known).problem).toMatchObject({ instead: [] });
});

test('a name that several keys end with is answered with those keys', () => {
  const two = { config: new Set(['lr']), series: new Set(['train/loss', 'val/loss']) };
  expect(understand('loss < 1', two).problem).toMatchObject({ reason: 'several', piece: 'loss', keys: ['train/loss', 'val/loss'], instead: ['train/loss < 1', 'val/loss < 1'] });
  expect(understand('lr = 1 && loss.min < 1', two).problem?.instead).toEqual(['lr == 1 and train/loss.min < 1', 'lr == 1 and val/loss.min < 1']);
  expect(understand('lr = 1', two).problem?.piece).toBe('=');
  expect(understand('loss < 1').problem).toBeNull();
});

test('an unknown name has its position', () => {
  expect(understand('lr < 0.1 and colour == "x"', known).problem).toMatchObject({ reason: 'name', piece: 'colour', at: 13 });
});

test('plain words with a hyphen or a dot are words, not a filter', () => {
  expect(understand('cnn-12').kind).toBe('words');
  expect(understand('lr 0.1').kind).toBe('words');
});

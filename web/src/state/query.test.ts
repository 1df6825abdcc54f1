/** Held to the same cases as its twin, store/query.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Run } from '../api/schema.gen';
import { understand } from './query';

interface Shared {
  runs: Run[];
  cases: { query: string; ids: string[] }[];
  bad: string[];
}

const shared = JSON.parse(readFileSync('../tests/data/queries.json', 'utf8')) as Shared;

describe('a query finds these runs', () => {
  for (const { query, ids } of shared.cases) {
    test(query || 'nothing', () => {
      const asked = understand(query);
      expect(asked.problem).toBeNull();
      expect(shared.runs.filter(asked.test).map((run) => run.id)).toEqual(ids);
    });
  }
});

describe('what cannot be read is refused', () => {
  for (const text of shared.bad) test(text, () => expect(understand(text).problem).not.toBeNull());
});

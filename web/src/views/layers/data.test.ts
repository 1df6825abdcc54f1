import { expect, test, vi } from 'vitest';
import { aligned, Asked } from './data.svelte';

const rows = (...layers: string[]) => layers.map((layer) => ({ layer, tensor: 'weight', quantity: 'gradient' as const, stats: [], histogram: false }));

test('counts of NaN come into the rows and steps of another matrix', () => {
  const to = { rows: rows('a', 'b', 'c'), steps: Float64Array.of(0, 20), values: new Float32Array(6) };
  const from = { rows: rows('c', 'a'), steps: Float64Array.of(0, 10, 20), values: Float32Array.of(1, 2, 3, 4, 5, 6) };
  expect([...aligned(to, from)]).toEqual([4, 6, 0, 0, 1, 3]);
});

test('a run that grows faster than it is answered is still shown', async () => {
  vi.useFakeTimers();
  const asked = new Asked<number>(0);
  let questions = 0;
  const question = () => new Promise<number>((resolve) => setTimeout(() => resolve(++questions), 100));
  for (let revision = 0; revision < 40; revision++) {
    asked.ask('run', revision, question);
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(asked.value).toBeGreaterThan(3);
  expect(questions).toBeLessThan(12);
  await vi.advanceTimersByTimeAsync(1000);
  const settled = questions;
  await vi.advanceTimersByTimeAsync(1000);
  expect(questions).toBe(settled);
  vi.useRealTimers();
});

test('an answer about another subject is not shown', async () => {
  vi.useFakeTimers();
  const asked = new Asked<string>(0);
  const after = (ms: number, text: string) => () => new Promise<string>((resolve) => setTimeout(() => resolve(text), ms));
  asked.ask('slow', 1, after(500, 'slow'));
  await vi.advanceTimersByTimeAsync(10);
  asked.ask('fast', 1, after(50, 'fast'));
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked.value).toBe('fast');
  vi.useRealTimers();
});

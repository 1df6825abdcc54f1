import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError } from '../api/client';
import { Outdated, Resource, unlessGone, type Question } from './resource.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A question that is answered after a while, unless it is aborted. */
const after =
  <T>(ms: number, answer: T): Question<T> =>
  (signal) =>
    new Promise((resolve, reject) => {
      setTimeout(() => (answer instanceof Error ? reject(answer) : resolve(answer)), ms);
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
const later = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('a run that grows faster than the replies is still shown', async () => {
  const resource = new Resource<number>({ calmMs: 0 });
  let questions = 0;
  for (let revision = 0; revision < 40; revision++) {
    void resource.ask('run', revision, (signal) => after(100, ++questions)(signal));
    await later(20);
  }
  expect(resource.value).toBeGreaterThan(3);
  expect(questions).toBeLessThan(12);
  await later(1000);
  const settled = questions;
  expect(resource.value).toBe(settled);
  await later(1000);
  expect(questions).toBe(settled);
});

test('growth is requested no more often than the pace allows', async () => {
  const resource = new Resource<number>({ calmMs: 1000 });
  let questions = 0;
  for (let revision = 0; revision < 50; revision++) {
    void resource.ask('run', revision, () => Promise.resolve(++questions));
    await later(100);
  }
  expect(questions).toBe(6); // at once, then once a second
});

test('resources with the same pace send their requests at the same moment', async () => {
  const sent: number[] = [];
  for (const start of [0, 130, 170]) {
    const resource = new Resource<null>({ calmMs: 500, isOnBeat: true });
    await later(start);
    const question = () => Promise.resolve(null);
    await resource.ask('key', 0, question);
    void resource.ask('key', 1, () => (sent.push(performance.now()), question()));
  }
  await later(600);
  expect(new Set(sent).size).toBe(1);
  expect(sent).toHaveLength(3);
});

test('an urgent request does not wait for its turn, but for the one in flight', async () => {
  const resource = new Resource<string>({ calmMs: 10_000 });
  void resource.ask('key', 1, after(100, 'rough'));
  void resource.ask('key', 2, after(100, 'smooth'), true);
  await later(100);
  expect(resource.value).toBe('rough');
  await later(100);
  expect(resource.value).toBe('smooth');
});

test('an answer about another subject is not shown', async () => {
  const resource = new Resource<string>();
  const stopped = vi.fn();
  void resource.ask('slow', 1, (signal) => {
    signal.addEventListener('abort', stopped);
    return new Promise((resolve) => setTimeout(() => resolve('slow'), 500));
  });
  await later(10);
  void resource.ask('fast', 1, after(50, 'fast'));
  expect(stopped).toHaveBeenCalled();
  await later(1000);
  expect(resource.value).toBe('fast');
});

test('another subject clears the last answer, unless it is kept until the new one has arrived', async () => {
  const [clearing, keeping] = [new Resource<string>(), new Resource<string>({ keepsOthers: true })];
  for (const resource of [clearing, keeping]) {
    await resource.ask('a', 1, () => Promise.resolve('a'));
    void resource.ask('b', 1, after(100, 'b'));
  }
  expect([clearing.value, keeping.value]).toEqual([null, 'a']);
  await later(100);
  expect([clearing.value, keeping.value]).toEqual(['b', 'b']);
});

test('during a drag, the request is sent when it rests', async () => {
  const resource = new Resource<number>({ delayMs: 120 });
  let questions = 0;
  for (let x = 0; x < 20; x++) {
    void resource.ask(`window ${x}`, 0, () => Promise.resolve(++questions));
    await later(16);
  }
  await later(200);
  expect(questions).toBe(1);
});

test('a failure is reported, the last answer stays, and the request can be repeated', async () => {
  const resource = new Resource<string>({ calmMs: 0 });
  await resource.ask('run', 1, () => Promise.resolve('old'));
  let isDown = true;
  await resource.ask('run', 2, () => (isDown ? Promise.reject(new ApiError('down', 0)) : Promise.resolve('new')));
  expect([resource.value, resource.problem?.message]).toEqual(['old', 'down']);
  isDown = false;
  resource.retry();
  await later(0);
  expect([resource.value, resource.problem]).toEqual(['new', null]);
});

test('an outdated request and a deleted run change nothing', async () => {
  const resource = new Resource<string>({ calmMs: 0 });
  await resource.ask('run', 1, () => Promise.resolve('old'));
  await resource.ask('run', 2, () => Promise.reject(new Outdated()));
  await resource.ask('run', 3, () => Promise.reject(new ApiError('no run', 404)).catch(unlessGone));
  expect([resource.value, resource.problem]).toEqual(['old', null]);
});

test('after a rest nothing is requested until asked again', async () => {
  const resource = new Resource<number>({ calmMs: 1000 });
  let questions = 0;
  const question = () => Promise.resolve(++questions);
  await resource.ask('run', 1, question);
  void resource.ask('run', 2, question);
  resource.rest();
  await later(5000);
  expect([questions, resource.value]).toEqual([1, 1]);
  await resource.ask('run', 2, question);
  expect(questions).toBe(2);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { afterCharts, afterwards, begin, count, draw, forget } from './busy';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'requestAnimationFrame', 'cancelAnimationFrame'] });
  performance.clearMarks('charts-drawn');
});
afterEach(() => vi.useRealTimers());

const marks = () => performance.getEntriesByName('charts-drawn').length;

test('the page is not reported as drawn while a chart still waits for its points', async () => {
  const [first, second] = [begin(), begin()];
  count();
  first();
  await vi.advanceTimersByTimeAsync(500);
  expect(marks()).toBe(0);
  second();
  await vi.advanceTimersByTimeAsync(500);
  expect(marks()).toBe(1);
});

test('a chart with points counts as done only when it is drawn', async () => {
  const asked = begin();
  const seen: number[] = [];
  draw({}, () => {
    seen.push(marks());
    count();
  });
  asked();
  await vi.advanceTimersByTimeAsync(500);
  expect(seen).toEqual([0]);
  expect(marks()).toBe(1);
});

test('of several drawings of one chart in a frame the last one is used', async () => {
  const chart = {};
  const seen: string[] = [];
  draw(chart, () => seen.push('old'));
  draw(chart, () => seen.push('new'));
  await vi.advanceTimersByTimeAsync(100);
  expect(seen).toEqual(['new']);
});

test('a removed chart is neither drawn nor waited for', async () => {
  const chart = {};
  draw(chart, () => expect.fail('it has left'));
  forget(chart);
  count();
  begin()();
  await vi.advanceTimersByTimeAsync(500);
  expect(marks()).toBe(1);
});

test('secondary work is done with the charts', async () => {
  const done = begin();
  const later = vi.fn();
  afterCharts(later);
  count();
  await vi.advanceTimersByTimeAsync(200);
  expect(later).not.toHaveBeenCalled();
  done();
  await vi.advanceTimersByTimeAsync(100);
  expect(later).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(2000);
  expect(later).toHaveBeenCalledOnce();
});

test('secondary work does not wait forever, and not at all without charts', async () => {
  const [late, now, off] = [vi.fn(), vi.fn(), vi.fn()];
  afterCharts(now);
  await vi.advanceTimersByTimeAsync(1);
  expect(now).toHaveBeenCalledOnce();
  const done = begin();
  afterCharts(late);
  afterCharts(off)();
  await vi.advanceTimersByTimeAsync(299);
  expect(late).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2);
  expect(late).toHaveBeenCalledOnce();
  expect(off).not.toHaveBeenCalled();
  done();
});

test('deferrable work waits until the charts are done', async () => {
  const done = begin();
  const later = vi.fn();
  afterwards(100, later);
  await vi.advanceTimersByTimeAsync(1000);
  expect(later).not.toHaveBeenCalled();
  done();
  await vi.advanceTimersByTimeAsync(300);
  expect(later).toHaveBeenCalledOnce();
});

import { expect, test } from 'vitest';
import { ordinaryRange, type Span } from './outliers';

const N = 200;
const line = (id: string, of: (step: number) => number, key = 'loss'): Span => ({ id, key, values: Float32Array.from({ length: N }, (_, i) => of(i)) });
const learns = (from: number) => (step: number) => from * Math.exp(-step / 60) + 0.05;
const diverges = (step: number) => 2 * Math.exp(step / 20);

const beyond = (spans: Span[], positive = false) => [...ordinaryRange(spans, positive).beyond];

test('a run that diverged does not flatten the others', () => {
  const { low, high, beyond } = ordinaryRange([line('a', learns(2)), line('b', learns(3)), line('c', diverges)]);
  expect([...beyond]).toEqual(['c']);
  expect(low).toBeCloseTo(0.12, 1);
  expect(high).toBeGreaterThan(2.5);
  expect(high).toBeLessThan(3.5);
});

test('of two runs one is clipped only if it is clearly the odd one', () => {
  expect(beyond([line('a', learns(2)), line('b', diverges)])).toEqual(['b']);
  expect(beyond([line('a', (step) => step), line('b', () => 10)])).toEqual([]);
});

test('a run that learns nothing does not clip those that do', () => {
  expect(beyond([line('a', learns(2.3)), line('b', (step) => 2.3 - step * 1e-5), line('c', (step) => 2.3 - step * 2e-5)])).toEqual([]);
});

test('values that do not flatten the others stay on the axis', () => {
  const spans = [line('a', learns(2)), line('b', learns(3)), line('c', learns(15))];
  expect(ordinaryRange(spans)).toMatchObject({ low: Math.fround(learns(2)(N - 1)), high: Math.fround(15.05) });
});

test('of many runs those a few times as large as usual do not take the axis from the others', () => {
  const spans = [...Array.from({ length: 12 }, (_, i) => line(`a${i}`, learns(2))), line('large', learns(15)), line('c', diverges)];
  expect(beyond(spans)).toEqual(['large', 'c']);
  expect(ordinaryRange(spans).high).toBeLessThan(3);
});

test('a learning rate that a third of the runs share is no outlier', () => {
  const rates = [...Array.from({ length: 8 }, () => 0.01), ...Array.from({ length: 4 }, () => 0.05), 5];
  expect(beyond(rates.map((rate, i) => line(`${i}`, (step) => rate * (1 - step / N))))).toEqual(['12']);
});

test('a spike of a single run is clipped, a slow fall is not', () => {
  const spiked = { id: 'a', key: 'loss', values: line('a', learns(2)).values };
  (spiked.values as Float32Array)[100] = 1e6;
  expect(beyond([spiked])).toEqual(['a']);
  expect(ordinaryRange([spiked]).high).toBeLessThan(2.5);
  expect(beyond([line('a', (step) => 1 / (step + 1))])).toEqual([]);
});

test('a series that is nearly constant shows its rare values', () => {
  expect(ordinaryRange([line('a', (step) => Number(step === 50) * 7)])).toEqual({ low: 0, high: 7, beyond: new Set() });
});

test('keys of different magnitudes in one chart are not outliers of each other', () => {
  expect(beyond([line('a', learns(2)), line('b', learns(3)), line('a', (step) => 1e-3 * step, 'lr'), line('b', (step) => 1e-3 * step, 'lr')])).toEqual([]);
});

test('a logarithmic axis has room for values that a linear one clips', () => {
  const spans = [line('a', learns(2)), line('b', learns(3)), line('c', diverges)];
  expect(beyond(spans)).toEqual(['c']);
  expect(beyond(spans, true)).toEqual([]);
});

test('NaN and infinities are ignored, and without values there is no range', () => {
  const broken = line('c', (step) => (step < 100 ? learns(2)(step) : step % 2 ? NaN : Infinity));
  expect(beyond([line('a', learns(2)), line('b', learns(3)), broken])).toEqual([]);
  expect(ordinaryRange([line('a', () => NaN)])).toEqual({ low: NaN, high: NaN, beyond: new Set() });
});

test('the range of very many values comes from an even sample', () => {
  const values = Float32Array.from({ length: 90_000 }, (_, i) => i);
  expect(ordinaryRange([{ id: 'a', key: 'k', values }])).toMatchObject({ low: 0, high: 89_999 });
  values[45_001] = 1e12;
  const { high } = ordinaryRange([{ id: 'a', key: 'k', values }]);
  expect(high / 90_000).toBeCloseTo(1.08, 1);
});

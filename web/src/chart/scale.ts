/** From values to pixels and back: linear, logarithmic, symmetric-logarithmic and time axes, with their ticks. */

import { clockTime, digitsBetween, exactDuration, thousands, tickText } from '../i18n/numbers';

export type ScaleKind = 'linear' | 'log' | 'symlog' | 'time';

export interface Scale {
  readonly kind: ScaleKind;
  /** Values at both ends. */
  readonly low: number;
  readonly high: number;
  /** Value to pixel. Values that the axis cannot show (0 on a logarithmic one) give NaN. */
  at(value: number): number;
  invert(pixel: number): number;
  /** Values in their transformed space, in which pixels are linear: pixel = offset + factor * bend(value). */
  readonly bend: (value: number) => number;
  readonly factor: number;
  readonly offset: number;
  ticks(count: number): Tick[];
}

export interface Tick {
  value: number;
  text: string;
}

const LN10 = Math.LN10;

/** Size below which a symmetric-logarithmic axis is linear: a thousandth of its largest value. */
function symlogUnit(low: number, high: number): number {
  return Math.max(Math.abs(low), Math.abs(high)) * 1e-3 || 1;
}

function bends(kind: ScaleKind, low: number, high: number): [(v: number) => number, (t: number) => number] {
  if (kind === 'log') return [(v) => (v > 0 ? Math.log10(v) : NaN), (t) => 10 ** t];
  if (kind === 'symlog') {
    const unit = symlogUnit(low, high);
    return [
      (v) => Math.sign(v) * Math.log1p(Math.abs(v) / unit),
      (t) => Math.sign(t) * Math.expm1(Math.abs(t)) * unit,
    ];
  }
  return [(v) => v, (t) => t];
}

/** A scale from [low, high] to the pixels [from, to] (`to` may be the smaller: y grows upwards). */
export function makeScale(kind: ScaleKind, low: number, high: number, from: number, to: number): Scale {
  const [bend, unbend] = bends(kind, low, high);
  const start = bend(low);
  // Halves, because the difference of the largest floats would overflow.
  const factor = (to - from) / 2 / (bend(high) / 2 - start / 2);
  const offset = from - factor * start;
  return {
    kind,
    low,
    high,
    bend,
    factor,
    offset,
    at: (value) => offset + factor * bend(value),
    invert: (pixel) => unbend((pixel - offset) / factor),
    ticks: (count) => ticksOf(kind, low, high, count),
  };
}

function ticksOf(kind: ScaleKind, low: number, high: number, count: number): Tick[] {
  if (kind === 'time') return timeTicks(low, high, count);
  if (kind === 'log') return logTicks(low, high, count);
  if (kind === 'symlog') return symlogTicks(low, high, count);
  return evenTicks(low, high, count);
}

/** Longer numbers are too long to read; only their difference is shown. */
const MOST_DIGITS = 6;

/** Evenly spaced ticks: if their labels would be long, the roundest is written in full and the others as differences from it. */
function evenTicks(low: number, high: number, count: number): Tick[] {
  const values = linearTicks(low, high, count);
  const step = values.length > 1 ? niceStep(high - low, count) : high - low;
  const largest = Math.max(...values.map(Math.abs));
  if (values.length < 2 || digitsBetween(largest, step) <= MOST_DIGITS) {
    return values.map((value) => ({ value, text: tickText(value, step) }));
  }
  const digits = values.map((value) => String(Math.round(value / step)).replace(/0+$/, '').length);
  const roundest = digits.indexOf(Math.min(...digits));
  return values.map((value, i) => {
    if (i === roundest) return { value, text: inFull(value) };
    return { value, text: (i > roundest ? '+' : '') + tickText((i - roundest) * step, step) };
  });
}

function inFull(value: number): string {
  const short = tickText(value, value);
  const size = Math.abs(value);
  if (size >= 1e15 || Number(value.toPrecision(3)) === value) return short;
  const [whole, fraction] = String(Number(size.toPrecision(15))).split('.');
  return (value < 0 ? '−' : '') + thousands(whole!) + (fraction === undefined ? '' : `.${fraction.slice(0, 10)}`);
}

/** Distance between ticks: 1, 2 or 5 times a power of ten, so that about `count` fit. */
export function niceStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log(rough) / LN10 + 1e-12);
  const ratio = rough / power;
  return power * (ratio >= Math.sqrt(50) ? 10 : ratio >= Math.sqrt(10) ? 5 : ratio >= Math.SQRT2 ? 2 : 1);
}

/** Round values within [low, high]. */
export function linearTicks(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const step = niceStep(high - low, count);
  if (!(step > 0) || !Number.isFinite(step)) return [low];
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Powers below 1 are inexact; dividing by their inverse keeps 0.3 from becoming 0.30000000000000004.
  const inverse = step < 1 ? Math.round(1 / step) : 0;
  const values: number[] = [];
  for (let i = 0; i < 200 && first + i <= last; i++) {
    const value = inverse > 1 ? (first + i) / inverse : (first + i) * step;
    // Beyond 2^53 the next whole number may be the same.
    if (value !== values.at(-1)) values.push(value);
  }
  return values;
}

function logTicks(low: number, high: number, count: number): Tick[] {
  const first = Math.log10(low);
  const last = Math.log10(high);
  const decades = last - first;
  if (decades < 1) {
    return evenTicks(low, high, count).filter((tick) => tick.value > 0);
  }
  const every = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  const digits = decades <= count / 3 ? [1, 2, 5] : [1];
  const ticks: Tick[] = [];
  for (let power = Math.floor(first); power <= last + 1e-9; power++) {
    if (power % every) continue;
    for (const digit of digits) {
      // Not digit * 10 ** power: the literal has no rounding error.
      const value = Number(`${digit}e${power}`);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push({ value, text: tickText(value, value) });
    }
  }
  return ticks;
}

function symlogTicks(low: number, high: number, count: number): Tick[] {
  const unit = symlogUnit(low, high);
  const decades = 3;
  const every = Math.max(1, Math.ceil((decades * (low < 0 && high > 0 ? 2 : 1)) / Math.max(1, count - 1)));
  const top = Math.floor(Math.log10(Math.max(Math.abs(low), Math.abs(high))));
  const values = [0];
  for (let power = top; 10 ** power > unit * 2; power -= every) {
    const value = Number(`1e${power}`);
    values.push(value, -value);
  }
  return values
    .filter((value) => value >= low && value <= high)
    .sort((a, b) => a - b)
    .map((value) => ({ value, text: tickText(value, value || 1) }));
}

const SECOND = 1;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const TIME_STEPS = [
  SECOND, 2, 5, 10, 15, 30, MINUTE, 120, 300, 600, 900, 1800, HOUR, 7200, 10800, 21600, 43200,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
]; // prettier-ignore

/** Ticks of Unix seconds at whole local seconds, minutes, hours or days. */
function timeTicks(low: number, high: number, count: number): Tick[] {
  const rough = (high - low) / Math.max(1, count);
  if (rough < 0.5) return linearTicks(low, high, count).map((value) => ({ value, text: clockTime(value, rough) }));
  const step = TIME_STEPS.find((candidate) => candidate >= rough) ?? niceStep((high - low) / DAY, count) * DAY;
  const zone = new Date(low * 1000).getTimezoneOffset() * 60;
  const ticks: Tick[] = [];
  for (let i = Math.ceil((low - zone) / step); i * step + zone <= high && ticks.length < 100; i++) {
    const value = i * step + zone;
    ticks.push({ value, text: clockTime(value, step) });
  }
  return ticks;
}

/** Ticks of a length of time in seconds, at round seconds, minutes, hours or days. */
export function durationTicks(low: number, high: number, count: number): Tick[] {
  const rough = (high - low) / Math.max(1, count);
  const step = rough < 0.7 ? niceStep(high - low, count) : (TIME_STEPS.find((candidate) => candidate >= rough) ?? niceStep((high - low) / DAY, count) * DAY);
  const ticks: Tick[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && ticks.length < 100; i++) {
    ticks.push({ value: i * step, text: exactDuration(Number((i * step).toPrecision(12))) });
  }
  return ticks;
}

/** Widen [low, high] so that lines do not touch the frame; a single value gets room around it. */
export function pad(kind: ScaleKind, low: number, high: number, share = 0.06): [number, number] {
  if (!(Number.isFinite(low) && Number.isFinite(high)) || low > high) return kind === 'log' ? [0.1, 1] : [0, 1];
  if (kind === 'log') {
    if (low === high) return [low / 2, high * 2];
    const room = (high / low) ** share;
    return [low / room, high * room];
  }
  if (low === 0 && high === 0) return [-share, 1];
  if (low === high) {
    const room = Math.abs(low) * 0.1;
    return [low - room, high + room];
  }
  if (high - low === Infinity) return [low, high];
  const room = (high - low) * share;
  // A loss is not negative: below 0 there is just enough room to see a line that lies on it.
  const below = low >= 0 && low < room ? low + high * 0.015 : room;
  return [low - below, high + room];
}

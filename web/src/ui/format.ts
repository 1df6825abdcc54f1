/** Settings, times and sizes as people read them. */
import { minus, number } from '../i18n/numbers';

/** A number that somebody set: every digit and nothing else, as seeds and learning rates are written. */
export function setting(value: number | bigint): string {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return minus(String(value));
  if (!Number.isFinite(value)) return number(value);
  const size = Math.abs(value);
  return minus(size >= 1e-4 && size < 1e15 ? String(value) : value.toExponential().replace('e+', 'e'));
}

/**
 * Seconds as "46 ms", "4.2 s", "3 min 05", "2 h 10", "3 d 4 h".
 *
 * The twin of `duration` in text.py; tests/data/durations.json holds both to the same answers.
 */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '';
  const s = Math.max(0, seconds);
  if (s < 0.9995) return s >= 0.0005 ? `${Math.round(1000 * s)} ms` : '0 s';
  if (s < 9.95) return `${(Math.round(10 * s) / 10).toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const pad = (n: number) => String(n).padStart(2, '0');
  const whole = Math.round(s);
  if (s < 3599.5) return `${Math.floor(whole / 60)} min ${pad(whole % 60)}`;
  const minutes = Math.round(s / 60);
  if (s < 86370) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)}`;
  const hours = Math.round(s / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86400],
  ['month', 30 * 86400],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
];

// Making a format costs a hundred times more than using it.
const relative = new Map<string, Intl.RelativeTimeFormat>();
const absolute = new Map<string, Intl.DateTimeFormat>();

/** "3 minutes ago", in the page's language. Times in Unix seconds. */
export function ago(time: number, now: number, locale: string): string {
  let format = relative.get(locale);
  if (!format) relative.set(locale, (format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'narrow' })));
  const past = now - time;
  for (const [unit, size] of UNITS) if (Math.abs(past) >= size) return format.format(-Math.round(past / size), unit);
  return format.format(0, 'second');
}

/** The whole date and time, for titles. */
export function moment(time: number, locale: string): string {
  let format = absolute.get(locale);
  if (!format) absolute.set(locale, (format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' })));
  return format.format(time * 1000);
}

/** Bytes as "1.2 MB" (powers of 1,000, as disks are sold and journals counted). */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = n;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit && size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

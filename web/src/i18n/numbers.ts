/** Formats every number of the page: measured, counted, set by the user, on an axis, durations, sizes. */

/** 1,234,567. The browser's formatter first loads the rules of all languages, which takes longer than drawing a chart. */
export function thousands(whole: number | bigint | string): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A count: 1,234,567. */
export function count(value: number | bigint): string {
  return minus(thousands(value));
}

/**
 * A measured number: integers in full, others with `digits` significant digits, very large and small ones with an exponent.
 *
 * Trailing zeros are kept only if digits were rounded away: 0.5 stays 0.5, 0.50004 is 0.5000.
 */
export function number(value: number | bigint, digits = 4): string {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return count(value);
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return minus(value.toExponential(digits - 1).replace(/\.?0+e/, 'e').replace('e+', 'e'));
  if (size >= 10 ** digits) return count(Math.round(value));
  const text = value.toPrecision(digits);
  return minus(Math.fround(Number(text)) === Math.fround(value) ? String(Number(text)) : text);
}

/** The smallest or largest finite value of a series: a dash if it has none. */
export function extreme(value: number, digits = 4): string {
  return Number.isNaN(value) ? '–' : number(value, digits);
}

/** Replace hyphens by minus signs. */
export function minus(text: string): string {
  return text.replaceAll('-', '−');
}

/** A number that somebody set, such as a seed or a learning rate: every digit, without separators. */
export function setting(value: number | bigint): string {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return minus(String(value));
  if (!Number.isFinite(value)) return number(value);
  const size = Math.abs(value);
  return minus(size >= 1e-4 && size < 1e15 ? String(value) : value.toExponential().replace('e+', 'e'));
}

/** A tick label: as many decimals as needed to distinguish neighbours at a distance of `step`, large numbers with k, M, G, T. */
export function tickText(value: number, step: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size < 1e-4 || size >= 1e15) return sign + exponent(size, Math.max(0, Math.min(4, digitsBetween(size, step))));
  for (const [unit, suffix] of SUFFIXES) {
    if (size >= unit && size >= 10_000) return sign + trim((size / unit).toFixed(decimals(step / unit))) + suffix;
  }
  const [whole, fraction] = trim(size.toFixed(decimals(step))).split('.');
  return sign + thousands(whole!) + (fraction ? `.${fraction}` : '');
}

const SUFFIXES: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

function decimals(step: number): number {
  return Math.max(0, Math.min(8, Math.ceil(-Math.log10(Math.abs(step)) - 1e-9)));
}

/** How many leading digits of a value a step does not change. */
export function digitsBetween(size: number, step: number): number {
  return Math.ceil(Math.log10(size) - Math.log10(Math.abs(step)) - 1e-9);
}

function trim(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function exponent(size: number, digits: number): string {
  return trim(size.toExponential(digits).replace(/e.*/, '')) + size.toExponential(digits).replace(/.*e\+?/, 'e').replace('-', '−');
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const two = (n: number) => String(n).padStart(2, '0');

/**
 * A rounded duration: "46 ms", "4.2 s", "3 min 05", "2 h 10", "3 d 4 h".
 *
 * The twin of `duration` in text.py; tests/data/durations.json holds both to the same answers.
 */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '';
  const s = Math.max(0, seconds);
  if (s < 0.9995) return s >= 0.0005 ? `${Math.round(1000 * s)} ms` : '0 s';
  if (s < 9.95) return `${(Math.round(10 * s) / 10).toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const whole = Math.round(s);
  if (s < 3599.5) return `${Math.floor(whole / 60)} min ${two(whole % 60)}`;
  const minutes = Math.round(s / 60);
  if (s < 86370) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)}`;
  const hours = Math.round(s / HOUR);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A duration to the second, or with three digits if it is shorter: "42.1 ms", "3 min 05", "1 h 02 min 45"; trailing zero parts are left out. */
export function exactDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '';
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? '−' : '';
  if (size === 0) return '0 s';
  if (size < 0.9995) return `${sign}${number(Number((size * 1000).toPrecision(3)))} ms`;
  if (size < 59.95) return `${sign}${Number(size.toPrecision(3))} s`;
  const whole = Math.round(size);
  const [days, hours, minutes, rest] = [Math.floor(whole / DAY), Math.floor((whole % DAY) / HOUR), Math.floor((whole % HOUR) / MINUTE), whole % MINUTE];
  if (days) return `${sign}${days} d${hours || minutes ? ` ${hours} h` : ''}${minutes ? ` ${two(minutes)}` : ''}`;
  if (hours) return `${sign}${hours} h${minutes || rest ? ` ${two(minutes)}` : ''}${rest ? ` min ${two(rest)}` : ''}`;
  return `${sign}${minutes} min${rest ? ` ${two(rest)}` : ''}`;
}

/** Local clock time of Unix seconds, or the date if the `step` is a day or more. */
export function clockTime(seconds: number, step: number): string {
  const date = new Date(seconds * 1000);
  if (step >= DAY) return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (step >= MINUTE) return clock;
  const second = step < 1 ? ((date.getTime() / 1000) % 60).toFixed(2).padStart(5, '0') : two(date.getSeconds());
  return `${clock}:${second}`;
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

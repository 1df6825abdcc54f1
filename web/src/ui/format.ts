/** Dates and times as people read them. */

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86400],
  ['month', 30 * 86400],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
];

// Creating a format costs a hundred times more than using it.
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

/** The full date and time, for tooltips. */
export function moment(time: number, locale: string): string {
  let format = absolute.get(locale);
  if (!format) absolute.set(locale, (format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' })));
  return format.format(time * 1000);
}

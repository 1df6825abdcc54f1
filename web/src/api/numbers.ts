/** Numbers as they travel and are compared: exactly, whole numbers beyond 2^53 as bigint. */
import type { Number as Wire } from './schema.gen';

/** A number of the API, where NaN and infinities travel as text. */
export function toNumber(value: Wire | null | undefined): number {
  return typeof value === 'number' ? value : value === 'Infinity' ? Infinity : value === '-Infinity' ? -Infinity : NaN;
}

const WHOLE = /^-?\d+$/;

/** What digits say: a bigint where a number would be another. */
export function numberOf(text: string): number | bigint {
  const value = Number(text);
  return WHOLE.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Equal, whole numbers of any size among them; NaN is NaN. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  // A float that is a whole number beyond 2^53 beside a bigint: compared exactly.
  return typeof a !== typeof b && isNumeric(a) && isNumeric(b) && a == b;
}

export function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** JSON in which whole numbers beyond 2^53 become bigints; NaN and infinities are read as Python's `json` writes them. */
export function parseExact(text: string): unknown {
  if (!/\d{16}|NaN|Infinity/.test(text)) return JSON.parse(text);
  let mark = '#';
  while (text.includes(`"${mark}`)) mark += '#';
  const marked = text.replace(TOKEN, (token) => (token.startsWith('"') || !isOdd(token) ? token : `"${mark}${token}"`));
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? numberOf(value.slice(mark.length)) : value,
  );
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function isOdd(token: string): boolean {
  const value = Number(token);
  return WHOLE.test(token) ? !Number.isSafeInteger(value) : !Number.isFinite(value);
}

/** Parsing and comparing numbers exactly: integers beyond 2^53 are bigints. */
import type { Number as Wire } from './schema.gen';

/** A number from the API, which sends NaN and infinities as text. */
export function toNumber(value: Wire | null | undefined): number {
  return typeof value === 'number' ? value : value === 'Infinity' ? Infinity : value === '-Infinity' ? -Infinity : NaN;
}

const WHOLE = /^-?\d+$/;

/** Parse digits, as a bigint where a number would be rounded. */
export function numberOf(text: string): number | bigint {
  const value = Number(text);
  return WHOLE.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Equality of integers of any size and of floats; NaN equals NaN. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  // A bigint and a float that is an integer beyond 2^53 are compared exactly.
  return typeof a !== typeof b && isNumeric(a) && isNumeric(b) && a == b;
}

export function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Parse JSON in which integers beyond 2^53 become bigints, with NaN and infinities as Python's `json` writes them. */
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

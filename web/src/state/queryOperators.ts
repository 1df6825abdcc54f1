/** What the operators of the filter language say of two values. The twin of store/query/operators.py. */
import type { Scalar } from '../api/schema.gen';
import { isNumeric, isSame } from '../api/numbers';

export type Value = Scalar | undefined | readonly Value[] | Iterable<string>;

/** Missing, an empty string or an empty list. */
export function isMissing(value: Value): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && !value.length);
}

export function truth(value: Value): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** A missing value equals only None and is neither smaller nor larger than anything; NaN equals NaN. */
export function compare(word: string, a: Value, b: Value): boolean {
  switch (word) {
    case '==':
      return same(a, b);
    case '!=':
      return !same(a, b);
    case 'in':
      return within(a, b);
    case 'not in':
      return !within(a, b);
  }
  if (typeof a === 'boolean') a = Number(a);
  if (typeof b === 'boolean') b = Number(b);
  if (isNumeric(a) && isNumeric(b)) return ordered(word, a, b);
  if (typeof a === 'string' && typeof b === 'string') return ordered(word, a, b);
  return false;
}

function ordered<T extends number | bigint | string>(word: string, a: T, b: T): boolean {
  return word === '<' ? a < b : word === '<=' ? a <= b : word === '>' ? a > b : a >= b;
}

function same(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((v, i) => same(v, b[i]));
  const [x, y] = [a ?? null, b ?? null];
  if (typeof x === 'boolean' && isNumeric(y)) return isSame(Number(x), y);
  if (typeof y === 'boolean' && isNumeric(x)) return isSame(Number(y), x);
  return isSame(x, y);
}

function within(a: Value, b: Value): boolean {
  if (Array.isArray(b)) return b.some((v) => same(a, v));
  return typeof b === 'string' && typeof a === 'string' && b.includes(a);
}

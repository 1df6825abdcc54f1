/** Numbers as people read them. */

/** 1,234,567. The browser's own way loads the customs of all languages first, which takes longer than drawing a chart. */
export function thousands(whole: number | bigint | string): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A whole number that counts something: 1,234,567. */
export function count(value: number | bigint): string {
  return minus(thousands(value));
}

/**
 * A measured number: whole numbers whole, others with `digits` significant digits, of very large and small ones with an exponent.
 *
 * Zeros at the end are digits that were measured: 0.5 stays 0.5, 0.50004 is 0.5000.
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

/** With a true minus sign. */
export function minus(text: string): string {
  return text.replaceAll('-', '−');
}

/** Large numbers in short: 25.6 M parameters, 4.1 GFLOPs. */

const UNITS: readonly (readonly [number, string])[] = [
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** Three digits and a unit; '' if unknown. */
export function short(value: number): string {
  if (value !== value) return '';
  for (const [unit, letter] of UNITS) {
    // 999,950 is 1.00 M, not 1000 k.
    if (value < unit * 0.9995) continue;
    const size = value / unit;
    return `${size.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0)} ${letter}`;
  }
  return String(Math.round(value * 100) / 100);
}

/** A fraction as "12.3 %"; '' if unknown. */
export function share(value: number, of: number): string {
  if (!(value >= 0) || !(of > 0)) return '';
  const percent = (100 * value) / of;
  return percent === 0 ? '0 %' : percent < 0.1 ? '< 0.1 %' : `${percent.toFixed(1)} %`;
}

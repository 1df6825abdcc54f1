/** Short texts about measured values. */
import { number } from '../../i18n/numbers';

/** "−2.1 … 3.4" beside a line of the graph, with a mark if some elements are NaN or infinite; '' if it was not measured. */
export function rangeText(range: { min: number; max: number; wrong: number } | null): string {
  if (!range) return '';
  const mark = range.wrong > 0 ? 'NaN/∞ ' : '';
  if (!(range.min <= range.max)) return mark.trim();
  return `${mark}${range.min === range.max ? number(range.min, 3) : `${number(range.min, 3)} … ${number(range.max, 3)}`}`;
}

/** "[0, 12, 5]". */
export function indexText(index: readonly number[]): string {
  return `[${index.join(', ')}]`;
}

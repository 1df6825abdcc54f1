/** The length of bars as fractions of their column, on a linear or logarithmic axis that all steps share. */
import { extent } from './outliers';
import { makeScale, type Scale } from './scale';

/** The axis of bars for all values of some arrays: whole decades if logarithmic, from 0 if linear, up to 1 for fractions. */
export function barScale(values: readonly ArrayLike<number>[], kind: 'log' | 'linear' | 'share' | 'signed'): Scale {
  if (kind === 'share') return makeScale('linear', 0, 1, 0, 1);
  const [low, high] = extent(values, kind === 'log');
  if (kind === 'log') {
    if (Number.isNaN(low)) return makeScale('log', 0.1, 1, 0, 1);
    const first = Math.floor(Math.log10(low) + 1e-9);
    const last = Math.ceil(Math.log10(high) - 1e-9);
    // One value in a million that is nearly zero must not push all others to the right end.
    return makeScale('log', 10 ** Math.max(first, last - 8), 10 ** Math.max(last, first + 1), 0, 1);
  }
  if (kind === 'signed') {
    const size = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return makeScale('linear', -size, size, 0, 1);
  }
  return makeScale('linear', 0, high > 0 ? high : 1, 0, 1);
}

/** Start and length of a bar as fractions; null if there is no value. */
export function bar(scale: Scale, value: number): [number, number] | null {
  if (Number.isNaN(value)) return null;
  const clamp = (share: number) => Math.min(1, Math.max(0, share));
  const zero = scale.kind === 'log' ? 0 : clamp(scale.at(0));
  const end = clamp(scale.kind === 'log' && value <= 0 ? 0 : scale.at(value));
  return end < zero ? [end, zero - end] : [zero, end - zero];
}

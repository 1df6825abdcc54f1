/** From the range of a statistic to the scales of its colours and bars. */
import type { LayerScale } from '../../api/schema.gen';
import { barScale } from '../../chart/bars';
import { makeScale, type Scale } from '../../chart/scale';
import type { LayerKind } from './kinds';

interface HeatScale {
  /** From a value to a position in the colour map. Values beyond its ends get the colours of the ends. */
  scale: Scale;
  /** Whether the middle of the colours has a meaning: zero, or a healthy value. */
  isDiverging: boolean;
}

/** The colours are centred at the guide if values come within this factor of it. */
const NEAR = 10;
/** The scale is logarithmic if its ends differ by more than this factor. */
const TWICE = 2;
/** Signed values whose magnitudes differ by more than this get a symmetric-logarithmic scale. */
const WIDE = 300;

/** Colours cover the middle 96 % of the values, so that a few outliers do not leave one colour for all others. */
export function heatScale({ axis, guide }: Pick<LayerKind, 'axis' | 'guide'>, { most, low, high, small }: LayerScale): HeatScale {
  const plain = (kind: 'linear' | 'log', from: number, to: number) => ({ scale: makeScale(kind, from, to, 0, 1), isDiverging: false });
  if (low === null || high === null || most === null) return plain('linear', 0, 1);
  if (axis === 'signed') {
    const isNarrow = low * high > 0 && Math.abs(high - low) < Math.max(Math.abs(low), Math.abs(high)) / 2;
    if (!isNarrow) {
      const size = Math.max(Math.abs(low), Math.abs(high)) || small || 1;
      return { scale: makeScale(small !== null && size > WIDE * small ? 'symlog' : 'linear', -size, size, 0, 1), isDiverging: true };
    }
  }
  if (axis === 'log' && small !== null && high > 0) {
    if (guide !== undefined && small <= guide * NEAR && high >= guide / NEAR) {
      const reach = Math.min(1000, Math.max(NEAR, high / guide, guide / small));
      return { scale: makeScale('log', guide / reach, guide * reach, 0, 1), isDiverging: true };
    }
    if (high >= TWICE * small) return plain('log', small, high);
  }
  if (!(high > low)) {
    if (low !== 0) return plain('linear', low - Math.abs(low) / 2, low + Math.abs(low) / 2);
    return plain('linear', 0, most > 0 ? most : 1);
  }
  // Centre at zero, unless that would use only a few of the colours.
  return low > 0 && high - low > high / 2 ? plain('linear', 0, high) : plain('linear', low, high);
}

/** The axis of the bars: up to the largest value. */
export function barsScale({ axis }: Pick<LayerKind, 'axis'>, { least, most, small }: LayerScale): Scale {
  if (axis === 'log') return barScale([[small ?? NaN, most ?? NaN]], 'log');
  return barScale([[least ?? NaN, most ?? NaN]], axis);
}

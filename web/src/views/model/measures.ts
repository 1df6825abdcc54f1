/** What boxes can be coloured by, besides the kind of operation. A new one is a row here and its name in the languages. */
import { bytes, count, exactDuration, number } from '../../i18n/numbers';
import type { Figures } from './looks';
import { short } from './numbers';

interface MeasureRow {
  /** Of an item; NaN if unknown. */
  of: (figures: Figures, item: number) => number;
  text: (value: number) => string;
  /** Whether it is there only after the model has run. */
  isOfRun?: boolean;
  /** Whether it is there only while the model is compared with another one. */
  isOfComparison?: boolean;
}

const counted = (value: number) => (value < 1e4 ? count(value) : short(value));

export const MEASURES = {
  parameters: { of: ({ base }, item) => base.totals.parameters[item]!, text: counted },
  flops: { of: ({ base }, item) => base.totals.flops[item]!, text: counted },
  memory: { of: (figures, item) => figures.memory(item), text: bytes },
  time: { of: (figures, item) => figures.seconds(item), text: exactDuration, isOfRun: true },
  largest: { of: (figures, item) => figures.largest(item), text: (value) => number(value, 3), isOfRun: true },
  wrong: { of: (figures, item) => figures.wrong(item), text: count, isOfRun: true },
  moved: { of: (figures, item) => figures.moved(item), text: (value) => number(value, 3), isOfComparison: true },
} as const satisfies Record<string, MeasureRow>;

export type Measure = 'op' | keyof typeof MEASURES;

export function rowOf(measure: Exclude<Measure, 'op'>): MeasureRow {
  return MEASURES[measure];
}

/** The measures that can be chosen. */
export function measuresFor(hasValues: boolean, hasComparison: boolean): Measure[] {
  return ['op', ...(Object.keys(MEASURES) as (keyof typeof MEASURES)[]).filter((one) => (hasValues || !rowOf(one).isOfRun) && (hasComparison || !rowOf(one).isOfComparison))];
}

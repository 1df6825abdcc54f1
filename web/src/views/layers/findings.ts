/** Layers that stand out: the text about each, and the statistic that shows it. */
import { toNumber } from '../../api/numbers';
import type { Finding } from '../../api/schema.gen';
import type { Messages } from '../../i18n/languages';
import { count, number } from '../../i18n/numbers';
import { KINDS } from './kinds';

export function sayFinding(t: Messages['cards']['problem'], { problem, value, step }: Finding): string {
  const x = toNumber(value);
  if (problem === 'frozen') return t.frozen(count(step));
  if (problem === 'not_finite') return t.not_finite(count(x));
  if (problem === 'explodes') return t.explodes(number(x, 2));
  return t[problem](`${number(100 * x, 2)} %`);
}

/** Name of the kind of matrix that shows a finding. */
export function kindOf({ quantity, stat }: Finding): string {
  return KINDS.find((kind) => kind.quantity === quantity && kind.stat === stat)?.name ?? `${quantity}/${stat}`;
}

/** All findings about each layer, as text. */
export function marksOf(t: Messages['cards']['problem'], findings: readonly Finding[]): Map<string, string> {
  const marks = new Map<string, string>();
  for (const one of findings) marks.set(one.layer, [marks.get(one.layer) ?? [], sayFinding(t, one)].flat().join(', '));
  return marks;
}

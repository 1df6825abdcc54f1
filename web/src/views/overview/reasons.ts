/** Why a card is shown, in a sentence of the page's language, and whether that is good or bad. */
import { toNumber } from '../../api/numbers';
import type { Card, Reason, ReasonCode } from '../../api/schema.gen';
import type { Messages } from '../../i18n/languages';
import { legible } from '../../i18n/text';
import { count, duration, number } from '../../i18n/numbers';

export type Tone = 'bad' | 'warn' | 'good' | 'calm';

const TONES: Partial<Record<ReasonCode, Tone>> = {
  crashed: 'bad',
  not_finite: 'bad',
  gradients_not_finite: 'bad',
  layers_not_finite: 'bad',
  rose: 'bad',
  worse: 'bad',
  gradients_exploded: 'bad',
  gradients_zero: 'bad',
  overfits: 'warn',
  layers_dead: 'warn',
  layers_explode: 'bad',
  layers_jump: 'warn',
  layers_frozen: 'warn',
  gradients_vanish: 'warn',
  flat: 'warn',
  hardly_improving: 'warn',
  killed: 'warn',
  stalled: 'warn',
  pace_slower: 'warn',
  improving: 'good',
  all_right: 'good',
  layers_fine: 'good',
};

export const toneOf = (code: ReasonCode): Tone => TONES[code] ?? 'calm';

const said = (value: Reason['value']) => number(toNumber(value), 3);
const times = (value: number) => number(value, value >= 10 ? 2 : 3);

/** A pace as text: "7.2 steps/s", or "4.1 s per step" if it is slow. */
export function paceText(rate: number, t: Messages['cards']): string {
  return rate > 0 && rate < 1 ? t.secondsAStep(duration(1 / rate)) : t.stepsASecond(number(rate, 3));
}

export function sentence(reason: Reason, t: Messages['cards'], isRunning: boolean): string {
  const why = whole(reason, t, isRunning);
  return reason.unread ? t.unread(why, count(reason.unread)) : why;
}

function whole(reason: Reason, t: Messages['cards'], isRunning: boolean): string {
  const { code } = reason;
  const key = legible(reason.key);
  const other = legible(reason.other);
  const [value, before] = [said(reason.value), said(reason.before)];
  const step = count(reason.step ?? 0);
  const n = count(reason.n ?? 0);
  const total = count(reason.total ?? 0);
  switch (code) {
    case 'improving':
      return (isRunning ? t.reason.improving : t.reason.improved)(key, before, value);
    case 'hardly_improving':
      return (isRunning ? t.reason.hardly_improving : t.reason.hardly_improved)(key, before, value);
    case 'stalled':
      if (reason.n === null) return t.reason.stalled(key, step);
      return (reason.unit === 'epochs' ? t.reason.stalled_epochs : t.reason.stalled_values)(key, n, value, step);
    case 'best_earlier':
      return t.reason.best_earlier(key, value, step, before);
    case 'flat':
      return t.reason.flat(key, before, value);
    case 'worse':
      return t.reason.worse(key, before, value, step);
    case 'rose':
      return t.reason.rose(key, times(toNumber(reason.value) / toNumber(reason.before)), step);
    case 'not_finite':
    case 'began':
    case 'value':
      return t.reason[code](key, value, step);
    case 'overfits':
      return t.reason.overfits(key, other, step);
    case 'samples':
      return t.reason.samples(step);
    case 'confused':
      return t.reason.confused(n, total, key, other, value);
    case 'all_right':
      return t.reason.all_right(total);
    case 'gradients_not_finite':
      return t.reason.gradients_not_finite(n, total, step);
    case 'gradients_exploded':
      return t.reason.gradients_exploded(times(toNumber(reason.value) / toNumber(reason.before)), step);
    case 'gradients_vanish':
      return reason.value === 'Infinity' ? t.reason.gradients_none(key, other) : t.reason.gradients_vanish(key, other, times(toNumber(reason.value)));
    case 'gradients_zero':
      return t.reason.gradients_zero(n);
    case 'gradients_steady':
      return t.reason.gradients_steady(n, before, value);
    case 'network':
      return t.reason.network(reason.n ? n : '', reason.total ? total : '');
    case 'layers_fine':
      return t.reason.layers_fine(total);
    case 'layers_dead':
    case 'layers_not_finite':
    case 'layers_frozen':
    case 'layers_jump':
    case 'layers_explode':
      return t.reason[code](n, total);
    case 'pace':
      return t.reason.pace(paceText(toNumber(reason.value), t));
    case 'pace_slower':
      return t.reason.pace_slower(paceText(toNumber(reason.value), t), paceText(toNumber(reason.before), t));
    case 'crashed':
      return t.reason.crashed(legible(reason.text));
    case 'killed':
    case 'printed':
      return t.reason[code];
  }
}

/** What is said of a run at its top: what goes wrong, else what might go better; and how its main metric does. */
export function verdict(cards: readonly Card[]): Card[] {
  const of = (tone: Tone) => cards.filter((card) => toneOf(card.reason.code) === tone);
  const metric = cards.find((card) => card.kind === 'curves');
  const worst = of('bad').length ? of('bad').slice(0, MOST_SAID) : of('warn').slice(0, 1);
  const isSaid = !metric || worst.some((card) => card.kind === 'curves');
  return (isSaid ? worst : [...worst, metric]).slice(0, MOST_SAID);
}

const MOST_SAID = 2;

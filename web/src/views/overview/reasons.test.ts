import { expect, test } from 'vitest';
import type { Card, Reason } from '../../api/schema.gen';
import { messages as en } from '../../i18n/languages/en';
import { messages as zh } from '../../i18n/languages/zh';
import { paceText, sentence, toneOf, verdict } from './reasons';

const NONE: Reason = { code: 'value', key: '', other: '', value: null, before: null, step: null, n: null, total: null, unit: '', unread: 0, text: '' };
const say = (reason: Partial<Reason>, isRunning = true) => sentence({ ...NONE, ...reason }, en.cards, isRunning);

test('reasons are sentences with rounded numbers', () => {
  expect(say({ code: 'rose', key: 'loss', value: 4.08, before: 0.4, step: 12000 })).toBe('loss rose to 10 times its best around step 12,000');
  expect(say({ code: 'stalled', key: 'val/loss', n: 12, unit: 'epochs', value: 0.06521, step: 900 })).toBe('val/loss has not improved for 12 epochs; best so far: 0.0652 at step 900');
  expect(say({ code: 'layers_dead', n: 2, total: 8 })).toBe('2 of 8 layers have more than half of their units dead');
  expect(say({ code: 'layers_dead', n: 1, total: 8 })).toBe('1 of 8 layers has more than half of its units dead');
  expect(say({ code: 'layers_fine', total: 128, unread: 1872 })).toBe('None of the 128 layers is dead, frozen or unstable (1,872 more were not checked)');
  expect(say({ code: 'not_finite', key: 'loss', value: 'NaN', step: 7 })).toBe('loss has been NaN since step 7');
});

test('a metric that improves during a run has improved once the run has ended', () => {
  const reason = { code: 'improving', key: 'acc', before: 0.1, value: 0.9 } as const;
  expect([say(reason), say(reason, false)]).toEqual(['acc is improving: from 0.1 to 0.9', 'acc improved until the end: from 0.1 to 0.9']);
});

test('a slow pace is given as time per step', () => {
  expect([paceText(7.24, en.cards), paceText(0.25, en.cards), paceText(0, zh.cards)]).toEqual(['7.24 steps/s', '4.0 s per step', '每秒 0 步']);
});

test('failures are bad, overfitting is a warning', () => {
  expect([toneOf('crashed'), toneOf('overfits'), toneOf('improving'), toneOf('samples')]).toEqual(['bad', 'warn', 'good', 'calm']);
});

test('the verdict tells what goes wrong first, and how the main metric does', () => {
  const card = (id: string, code: Reason['code'], kind = id.split(':')[0]) => ({ id, kind, reason: { ...NONE, code } }) as Card;
  const ids = (...cards: Card[]) => verdict(cards).map((one) => one.id);
  const fine = [card('curves:loss', 'improving'), card('curves:acc', 'improving'), card('samples', 'samples'), card('layers', 'layers_fine')];
  expect(ids(...fine)).toEqual(['curves:loss']);
  expect(ids(card('layers', 'layers_dead'), ...fine)).toEqual(['layers', 'curves:loss']);
  expect(ids(card('console', 'crashed'), card('curves:loss', 'rose'), card('gradients', 'gradients_exploded'))).toEqual(['console', 'curves:loss']);
  expect(ids(card('curves:acc', 'flat'), card('layers', 'layers_dead'))).toEqual(['curves:acc']);
  expect(ids(card('samples', 'samples'))).toEqual([]);
});

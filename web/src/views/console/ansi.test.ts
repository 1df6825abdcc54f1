import { expect, test } from 'vitest';
import { marked, pieces, plain } from './ansi';

test('colours and weights become looks, and end where they are reset', () => {
  expect(pieces('\u001b[1;32mok\u001b[0m then \u001b[91mbad')).toEqual([
    { text: 'ok', look: 'c2 bold', style: '' },
    { text: ' then ', look: '', style: '' },
    { text: 'bad', look: 'c9', style: '' },
  ]);
});

test('colours beyond the sixteen are given as they are', () => {
  expect(pieces('\u001b[38;5;196mx\u001b[38;2;1;2;3my').map((piece) => piece.style)).toEqual(['--own:rgb(255 0 0)', '--own:rgb(1 2 3)']);
});

test('backgrounds are shown, and inverse text swaps its colours', () => {
  expect(pieces('\u001b[31;44mx\u001b[7my\u001b[0;7mz\u001b[0;48;5;196;9mw')).toEqual([
    { text: 'x', look: 'c1 b4', style: '' },
    { text: 'y', look: 'c4 b1', style: '' },
    { text: 'z', look: 'inverse', style: '' },
    { text: 'w', look: 'behind struck', style: '--behind:rgb(255 0 0)' },
  ]);
});

test('invalid colour numbers are ignored', () => {
  expect(pieces('\u001b[38;2;999;;mx\u001b[38;2;999;1mx').map((piece) => piece.style)).toEqual(['--own:rgb(255 0 0)', '--own:rgb(255 1 0)']);
});

test('a progress bar shows its last state only', () => {
  expect(plain(' 10%|#   \r 50%|##  \r100%|####\r')).toBe('100%|####');
});

test('other escapes are removed from the text', () => {
  expect(plain('\u001b]0;title\u0007a\u001b[2Kb\u001b[?25lc')).toBe('abc');
});

test('every occurrence of a search word is found, ignoring case', () => {
  expect(marked('Loss and loss', 'loss').filter((hit) => hit.isHit).map((hit) => hit.text)).toEqual(['Loss', 'loss']);
  expect(marked('no', '')).toEqual([{ text: 'no', isHit: false }]);
});

import { expect, test } from 'vitest';
import { marked, pieces, plain } from './ansi';

test('colours and weights become looks, and end where they are reset', () => {
  expect(pieces('\u001b[1;32mok\u001b[0m then \u001b[91mbad')).toEqual([
    { text: 'ok', look: 'c2 bold', colour: null },
    { text: ' then ', look: '', colour: null },
    { text: 'bad', look: 'c9', colour: null },
  ]);
});

test('colours beyond the sixteen are given as they are', () => {
  expect(pieces('\u001b[38;5;196mx\u001b[38;2;1;2;3my').map((piece) => piece.colour)).toEqual(['rgb(255 0 0)', 'rgb(1 2 3)']);
});

test('a progress bar shows its last state only', () => {
  expect(plain(' 10%|#   \r 50%|##  \r100%|####\r')).toBe('100%|####');
});

test('other escapes are dropped from what is read and searched', () => {
  expect(plain('\u001b]0;title\u0007a\u001b[2Kb\u001b[?25lc')).toBe('abc');
});

test('a search word is found in any case, each time it stands there', () => {
  expect(marked('Loss and loss', 'loss').filter((hit) => hit.isHit).map((hit) => hit.text)).toEqual(['Loss', 'loss']);
  expect(marked('no', '')).toEqual([{ text: 'no', isHit: false }]);
});

import { expect, test } from 'vitest';
import { inline, parseMarkdown } from './markdown';

test('blocks are told apart', () => {
  const text = '# T\ntext\nmore\n\n- a\n- b\n\n1. c\n\n> q\n\n```\n# code\n```\n\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |';
  expect(parseMarkdown(text).map((block) => block.kind)).toEqual(['heading', 'paragraph', 'list', 'list', 'quote', 'code', 'rule', 'table']);
});

test('raw HTML stays text', () => {
  expect(parseMarkdown('<img src=x onerror=alert(1)>')).toEqual([
    { kind: 'paragraph', inside: [{ kind: 'text', text: '<img src=x onerror=alert(1)>' }] },
  ]);
});

test.each(['javascript:alert(1)', 'data:text/html,x', 'JavaScript:x'])('a link to %s stays text', (href) => {
  expect(inline(`[a](${href})`).some((part) => part.kind === 'link')).toBe(false);
});

test('links to pages are links, and snake_case is not emphasis', () => {
  expect(inline('[a](https://b.c)')[0]).toMatchObject({ kind: 'link', href: 'https://b.c' });
  expect(inline('weight_decay_rate')).toEqual([{ kind: 'text', text: 'weight_decay_rate' }]);
});

test('a code fence that is never closed ends with the text', () => {
  expect(parseMarkdown('```\na')).toEqual([{ kind: 'code', text: 'a' }]);
});

import { expect, test } from 'vitest';
import { toHtml } from './markdown';

function drawn(text: string): HTMLElement {
  const box = document.createElement('div');
  box.innerHTML = toHtml(text);
  return box;
}

test('headings, lists, quotes, code and tables are drawn as such', () => {
  const box = drawn('# T\ntext\nmore\n\n- a\n- b\n\n1. c\n\n> q\n\n```\n# code\n```\n\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |');
  expect([...box.children].map((child) => child.tagName)).toEqual(['H4', 'P', 'UL', 'OL', 'BLOCKQUOTE', 'PRE', 'HR', 'TABLE']);
});

test.each(['<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '<a href="javascript:x">y</a>'])('raw HTML stays text: %s', (text) => {
  const box = drawn(text);
  expect(box.querySelector('img, script, a')).toBeNull();
  expect(box.textContent?.trim()).toBe(text);
});

test.each(['javascript:alert(1)', 'data:text/html,x', 'JavaScript:x', 'vbscript:x', 'file:///etc/passwd', '//elsewhere', '/api'])('a link to %s stays text', (href) => {
  expect(drawn(`[a](${href})`).querySelector('a')).toBeNull();
  expect(drawn(`<${href}>`).querySelector('a')).toBeNull();
});

test('links to the web and to mail open in a new tab without a reference to this one', () => {
  for (const text of ['[a](https://b.c)', '<mailto:a@b.c>', 'see https://b.c']) {
    expect(drawn(text).querySelector('a')?.rel).toBe('noopener noreferrer');
    expect(drawn(text).querySelector('a')?.target).toBe('_blank');
  }
});

test('no image is loaded from elsewhere', () => {
  const box = drawn('![plot](https://elsewhere/x.png)');
  expect(box.querySelector('img')).toBeNull();
  expect(box.textContent).toContain('plot');
});

test('snake_case is not emphasis, and a line break is one', () => {
  expect(drawn('weight_decay_rate').querySelector('em')).toBeNull();
  expect(drawn('a\nb').querySelector('br')).not.toBeNull();
});

test.each(['*', '**', '_', '`', '[', '](', '> ', '- ', '<'])('many marks of one kind (%s) are rendered', (mark) => {
  expect(drawn(mark.repeat(20_000)).textContent).not.toBe('');
});

test('the highest headings of a text are below those of the page, whatever their level', () => {
  expect(toHtml('## a\n\n### b')).toContain('<h4>a</h4>\n<h5>b</h5>');
});

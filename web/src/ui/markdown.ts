/** Markdown as HTML: no HTML of its own, links to the web and to mail only, no pictures. Loaded when a text is Markdown. */
import MarkdownIt from 'markdown-it';

const parser = new MarkdownIt({ html: false, linkify: true, breaks: true });
// A picture would tell its server who looks at it; its text and its address stay, as a link.
parser.disable('image');
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
parser.validateLink = (url) => /^(https?:|mailto:)/i.test(url.trim());
parser.core.ruler.push('page', (state) => {
  for (const token of state.tokens) {
    // The page has headings of its own above these.
    if (token.type.startsWith('heading')) token.tag = `h${Math.min(6, Number(token.tag.slice(1)) + 3)}`;
    for (const child of token.children ?? []) {
      if (child.type !== 'link_open') continue;
      child.attrSet('target', '_blank');
      child.attrSet('rel', 'noopener noreferrer');
    }
  }
});

export function toHtml(text: string): string {
  return parser.render(text);
}

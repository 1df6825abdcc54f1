/** Markdown as HTML, without raw HTML and images, and with links only to the web and to mail. Loaded when a text is Markdown. */
import MarkdownIt from 'markdown-it';

const parser = new MarkdownIt({ html: false, linkify: true, breaks: true });
// An image would tell its server who looks at it; its text and address become a link instead.
parser.disable('image');
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
parser.validateLink = (url) => /^(https?:|mailto:)/i.test(url.trim());
parser.core.ruler.push('page', (state) => {
  const headings = state.tokens.filter((token) => token.type.startsWith('heading'));
  const top = Math.min(...headings.map((token) => Number(token.tag.slice(1))));
  // The page has headings down to h3 above these; a text that begins with ## must not skip a level.
  for (const token of headings) token.tag = `h${Math.min(6, Number(token.tag.slice(1)) - top + 4)}`;
  for (const token of state.tokens) {
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

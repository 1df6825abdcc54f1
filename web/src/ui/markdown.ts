/** A small Markdown: enough for notes, and no way to raw HTML, because it ends in nodes and not in text. */

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong'; inside: Inline[] }
  | { kind: 'em'; inside: Inline[] }
  | { kind: 'strike'; inside: Inline[] }
  | { kind: 'link'; href: string; inside: Inline[] };

export type Block =
  | { kind: 'heading'; level: number; inside: Inline[] }
  | { kind: 'paragraph'; inside: Inline[] }
  | { kind: 'quote'; inside: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'rule' }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] };

const ITEM = /^\s*(?:([-*+])|(\d+)[.)])\s+(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

export function parseMarkdown(text: string): Block[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const blocks: Block[] = [];
  let i = 0;
  const startsBlock = (line: string) => /^(#{1,6}\s|```|>|\s*([-*_]\s*){3,}$)/.test(line) || ITEM.test(line);
  while (i < lines.length) {
    const line = lines[i]!;
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    const item = ITEM.exec(line);
    if (!line.trim()) i++;
    else if (line.startsWith('```')) {
      const end = lines.findIndex((other, at) => at > i && other.startsWith('```'));
      blocks.push({ kind: 'code', text: lines.slice(i + 1, end < 0 ? undefined : end).join('\n') });
      i = end < 0 ? lines.length : end + 1;
    } else if (heading) {
      blocks.push({ kind: 'heading', level: heading[1]!.length, inside: inline(heading[2]!) });
      i++;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      blocks.push({ kind: 'rule' });
      i++;
    } else if (item) {
      const items: Inline[][] = [];
      const ordered = item[2] !== undefined;
      for (let found = item as RegExpExecArray | null; found; found = ITEM.exec(lines[++i] ?? '')) items.push(inline(found[3]!));
      blocks.push({ kind: 'list', ordered, items });
    } else if (line.includes('|') && TABLE_RULE.test(lines[i + 1] ?? '') && lines[i + 1]!.includes('-')) {
      const rows: Inline[][][] = [];
      const head = cells(line);
      for (i += 2; lines[i]?.includes('|'); i++) rows.push(cells(lines[i]!));
      blocks.push({ kind: 'table', head, rows });
    } else {
      const isQuote = line.startsWith('>');
      const from = i++;
      while (i < lines.length && lines[i]!.trim() && (isQuote ? lines[i]!.startsWith('>') : !startsBlock(lines[i]!))) i++;
      const joined = lines.slice(from, i).map((l) => (isQuote ? l.replace(/^>\s?/, '') : l)).join('\n');
      const inside = inline(joined);
      blocks.push(isQuote ? { kind: 'quote', inside } : { kind: 'paragraph', inside });
    }
  }
  return blocks;
}

function cells(line: string): Inline[][] {
  return line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => inline(cell.trim()));
}

const MARK = /`([^`]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s](?:[^*]*[^*\s])?)\*|(?<!\w)_([^_\s](?:[^_]*[^_\s])?)_(?!\w)|~~(.+?)~~|\[([^\]]+)\]\(([^\s)]+)\)|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])/s;

export function inline(text: string): Inline[] {
  const found = MARK.exec(text);
  if (!found) return text ? [{ kind: 'text', text }] : [];
  const before: Inline[] = found.index ? [{ kind: 'text', text: text.slice(0, found.index) }] : [];
  return [...before, mark(found), ...inline(text.slice(found.index + found[0].length))];
}

function mark(found: RegExpExecArray): Inline {
  const [whole, code, strong1, strong2, em1, em2, strike, label, href, bare] = found;
  if (code !== undefined) return { kind: 'code', text: code };
  if (strong1 ?? strong2) return { kind: 'strong', inside: inline((strong1 ?? strong2)!) };
  if (em1 ?? em2) return { kind: 'em', inside: inline((em1 ?? em2)!) };
  if (strike) return { kind: 'strike', inside: inline(strike) };
  if (bare) return { kind: 'link', href: bare, inside: [{ kind: 'text', text: bare }] };
  // javascript: and data: addresses are shown as what was typed.
  if (!/^(https?:|mailto:)/i.test(href!)) return { kind: 'text', text: whole };
  return { kind: 'link', href: href!, inside: inline(label!) };
}

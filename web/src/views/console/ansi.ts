/** Terminal colours: a line with codes (SGR) as pieces of text with a look. */

interface Piece {
  text: string;
  /** Class names: "c1" to "c15" the colour of the text, "b0" to "b15" that behind it, "bold", "dim", "italic", "under", "struck". */
  look: string;
  /** Colours beyond the first 16, as CSS properties read by the classes "own" and "behind"; '' for none. */
  style: string;
}

// CSI sequences, OSC (titles, links) and lone escapes; only CSI … m changes the look.
// eslint-disable-next-line no-control-regex
const ESCAPE = /\u001b\[([0-9;:?]*)([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-_]?/g;

interface Look {
  colour: number | string | null;
  behind: number | string | null;
  inverse: boolean;
  struck: boolean;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  under: boolean;
}

const PLAIN: Look = { colour: null, behind: null, inverse: false, struck: false, bold: false, dim: false, italic: false, under: false };

/** What carriage returns leave visible: the last text written over the line. */
function overwritten(text: string): string {
  const trimmed = text.replace(/\r+$/, '');
  return trimmed.slice(trimmed.lastIndexOf('\r') + 1);
}

export function pieces(line: string): Piece[] {
  const text = overwritten(line);
  const found: Piece[] = [];
  let look = PLAIN;
  let at = 0;
  for (const match of text.matchAll(ESCAPE)) {
    if (match.index > at) found.push(piece(text.slice(at, match.index), look));
    if (match[2] === 'm') look = changed(look, match[1]!);
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push(piece(text.slice(at), look));
  return found;
}

/** The plain text, for searching, copying and downloading. */
export function plain(line: string): string {
  return overwritten(line).replace(ESCAPE, '');
}

function piece(text: string, look: Look): Piece {
  // Text in the colour of its background gets another background.
  const [front, behind] = look.inverse ? [look.behind, look.colour] : [look.colour, look.behind];
  const classes = [
    look.inverse && front === null && behind === null ? 'inverse' : '',
    typeof front === 'number' ? `c${front}` : front ? 'own' : '',
    typeof behind === 'number' ? `b${behind}` : behind ? 'behind' : '',
    look.struck ? 'struck' : '',
    look.bold ? 'bold' : '',
    look.dim ? 'dim' : '',
    look.italic ? 'italic' : '',
    look.under ? 'under' : '',
  ];
  const properties = [
    typeof front === 'string' ? `--own:${front}` : '',
    typeof behind === 'string' ? `--behind:${behind}` : '',
  ];
  return { text, look: classes.filter(Boolean).join(' '), style: properties.filter(Boolean).join(';') };
}

function changed(look: Look, codes: string): Look {
  const list = (codes || '0').split(/[;:]/).map(Number);
  const next = { ...look };
  for (let i = 0; i < list.length; i++) {
    const code = list[i]!;
    if (code === 0) Object.assign(next, PLAIN);
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.under = true;
    else if (code === 7) next.inverse = true;
    else if (code === 9) next.struck = true;
    else if (code === 21) next.under = true;
    else if (code === 27) next.inverse = false;
    else if (code === 29) next.struck = false;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.under = false;
    else if (code >= 30 && code <= 37) next.colour = code - 30;
    else if (code >= 90 && code <= 97) next.colour = code - 82;
    else if (code === 39) next.colour = null;
    else if (code >= 40 && code <= 47) next.behind = code - 40;
    else if (code >= 100 && code <= 107) next.behind = code - 92;
    else if (code === 49) next.behind = null;
    else if (code === 38 || code === 48) {
      const isText = code === 38;
      if (list[i + 1] === 5) {
        next[isText ? 'colour' : 'behind'] = of256(list[i + 2] ?? 7);
        i += 2;
      } else if (list[i + 1] === 2) {
        const [r = 0, g = 0, b = 0] = list.slice(i + 2, i + 5);
        next[isText ? 'colour' : 'behind'] = `rgb(${byte(r)} ${byte(g)} ${byte(b)})`;
        i += 4;
      }
    }
  }
  return next;
}

const byte = (n: number) => Math.min(255, Math.trunc(n) || 0);

function of256(n: number): number | string {
  if (n < 16) return n;
  if (n >= 232) return `rgb(${8 + (n - 232) * 10} ${8 + (n - 232) * 10} ${8 + (n - 232) * 10})`;
  const level = (v: number) => (v ? 55 + v * 40 : 0);
  return `rgb(${level(Math.floor((n - 16) / 36))} ${level(Math.floor((n - 16) / 6) % 6)} ${level((n - 16) % 6)})`;
}

export interface Hit {
  text: string;
  isHit: boolean;
}

/** Split a text at occurrences of the search text, ignoring case. */
export function marked(text: string, word: string): Hit[] {
  if (!word) return [{ text, isHit: false }];
  const found: Hit[] = [];
  const [low, small] = [text.toLowerCase(), word.toLowerCase()];
  let at = 0;
  for (let hit = low.indexOf(small); hit >= 0; hit = low.indexOf(small, at)) {
    if (hit > at) found.push({ text: text.slice(at, hit), isHit: false });
    found.push({ text: text.slice(hit, hit + word.length), isHit: true });
    at = hit + word.length;
  }
  if (at < text.length) found.push({ text: text.slice(at), isHit: false });
  return found;
}

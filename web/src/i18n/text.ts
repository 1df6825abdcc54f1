/**
 * Names for people to read: in natural order, with invisible characters made visible.
 *
 * The twin of text.py; tests/data/names.json holds both to the same answers.
 */

const EMOJI = '\\u00a9\\u00ae\\u203c\\u2049\\u2122\\u2139\\u2190-\\u2bff\\u3030\\u303d\\u3297\\u3299\\u{1f000}-\\u{1faff}';
const JOINED = '\\u0600-\\u08ff\\u0900-\\u0dff\\u0f00-\\u109f\\u1780-\\u18af\\ufb50-\\ufdff\\ufe70-\\ufefc'; // Arabic, Indic and so on
const IDEOGRAPH = '\\u3400-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}';
const SHOWN = [
  `[${EMOJI}][\\ufe0e\\ufe0f]?(?:\\u200d[${EMOJI}][\\ufe0e\\ufe0f]?)+`, // a family of emoji is one
  `[${EMOJI}][\\ufe0e\\ufe0f]`,
  '\\u{1f3f4}[\\u{e0020}-\\u{e007e}]+\\u{e007f}', // flags of regions
  '[0-9#*]\\ufe0f\\u20e3', // keycaps
  `(?<=[${JOINED}])[\\u200c\\u200d](?=[${JOINED}])`,
  `[${IDEOGRAPH}][\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}]`, // its form
  '[\\u1820-\\u18aa][\\u180b-\\u180d\\u180f]',
].join('|');
const HIDDEN =
  // Controls, line breaks, lone surrogates.
  '\\0-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff' +
  // What Unicode calls ignorable by default: direction, width, joiners, fillers, selectors, tags.
  '\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u2800\\u3164' +
  '\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}';
// eslint-disable-next-line no-misleading-character-class -- selectors and joiners are what is looked for
const PIECES = new RegExp(`(${SHOWN})|[${HIDDEN}]`, 'gu');
const PLAIN = /^[ -~]*$/;

/** Text in which control characters, direction overrides and characters without width are shown and have no effect. */
export function visible(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(PIECES, (piece: string, kept: string | undefined) => kept ?? `⟨U+${piece.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

const BLANK = /^ +$/;

/** A name within other text: invisible characters and a name of only spaces are shown, and Hebrew or Arabic does not reorder its surroundings. */
export function legible(text: string): string {
  if (BLANK.test(text)) return text.replaceAll(' ', '⟨U+0020⟩');
  if (PLAIN.test(text)) return text;
  const told = visible(text);
  return RIGHT_TO_LEFT.test(told) ? `\u2068${told}\u2069` : told;
}

/** Text of several lines, none of which affects the direction of another; line breaks, tabs and Braille plots are kept. */
export function visibleLines(text: string): string {
  return PLAIN.test(text) ? text : text.replace(/[^\r\n\t\u2800]+/g, visible);
}

/** Text of several lines joined into one, for a note in a cell. */
export function oneLine(text: string): string {
  return legible(text.replace(/\s+/g, ' ').trim());
}

/** Compare in natural order: numbers by size, ignoring case, letters with accents beside those without. */
export function byName(a: string, b: string): number {
  if (a === b) return 0;
  const [parts, others] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < parts.length && i < others.length; i++) {
    const [one, other] = [parts[i]!, others[i]!];
    // Every other part is a number without leading zeros.
    const order = (i % 2 && one.length - other.length) || compare(one, other);
    if (order) return order;
  }
  return parts.length - others.length || compare(a, b);
}

const known = new Map<string, readonly string[]>();
const KNOWN = 20_000;

function partsOf(text: string): readonly string[] {
  let parts = known.get(text);
  if (!parts) {
    parts = folded(text).split(/([0-9]+)/).map((part, i) => (i % 2 ? part.replace(/^0+/, '') : part));
    if (known.size >= KNOWN) known.clear();
    known.set(text, parts);
  }
  return parts;
}

function folded(text: string): string {
  return (PLAIN.test(text) ? text : text.normalize('NFKD').replace(/\p{Mn}/gu, '')).toLowerCase();
}

const HIGH = /[\ud800-\uffff]/;

/** Compare by code points, as Python does. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  if (!HIGH.test(a) || !HIGH.test(b)) return a < b ? -1 : 1;
  const [one, other] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < one.length && i < other.length; i++) {
    const order = one[i]!.codePointAt(0)! - other[i]!.codePointAt(0)!;
    if (order) return order;
  }
  return one.length - other.length;
}

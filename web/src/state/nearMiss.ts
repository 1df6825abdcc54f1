/**
 * Guesses what was meant by a filter that cannot be parsed, and writes it in the filter language.
 *
 * The twin of store/query/near_miss.py; the `near` cases of tests/data/queries.json hold both to the same answers.
 */
import { findKeys, type Known } from './known';

export const FIELDS = ['id', 'name', 'state', 'created', 'updated', 'duration', 'tags', 'notes', 'archived', 'folder'];
export const STATES = ['running', 'finished', 'crashed', 'killed', 'abandoned', 'unreadable'];
const KEYWORDS = ['and', 'or', 'not', 'in', 'is', 'missing'];
const CONSTANTS = ['True', 'true', 'False', 'false', 'None', 'null', 'nan', 'inf'];
const LETTER = '\\p{L}\\p{N}_';
const WORD = `[${LETTER}.\\/@\\-]+`;
// While the rest is rewritten, each quoted string is replaced by one character of the private use area.
const MASKS = '\\uE000-\\uF8FF';
const VALUE = `[${MASKS}]|${WORD}`;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g;
const STATE = STATES.join('|');
/** A word boundary for letters of any script. */
const EDGE = `(?:(?<![${LETTER}])(?=[${LETTER}])|(?<=[${LETTER}])(?![${LETTER}]))`;

const compiled = new Map<string, RegExp>();

/** A pattern, compiled when it is first needed: to compile all of them takes as long as a chart, and few filters need any. */
function re(pattern: string, flags = 'gu'): RegExp {
  const name = `${flags} ${pattern}`;
  let found = compiled.get(name);
  if (!found) compiled.set(name, (found = new RegExp(pattern.replaceAll('\\b', EDGE), flags)));
  return found;
}

const JOINED = () => re(`^[\\s()]*(?:(?:and|or|not|${STATE})\\b[\\s()]*)+$`, 'u');
const ATTEMPT = () => re(
  `&&|\\|\\||[≤≥≠]|^\\s*(${FIELDS.join('|')}|tag)\\s*:\\s*\\S|\\b(name|notes|tags?|state)\\s+(contains|has|like|includes|is)\\s|\\sbetween\\s+\\S+\\s+and\\s`,
  'u',
);
const FIELD_COLON = () => re(`^\\s*(${WORD})\\s*:\\s*\\S`, 'u');

const SYMBOLS: readonly (readonly [pattern: string, by: string])[] = [
  ['≤|=<', '<='],
  ['≥|=>', '>='],
  ['≠|<>', '!='],
  ['={3,}', '=='],
  ['\\s*&&?\\s*', ' and '],
  ['\\s*\\|\\|?\\s*', ' or '],
  ['!(?![=~])\\s*', 'not '],
  ['\\s*(?<![=!<>~])=(?![=~])\\s*', ' == '],
  [`(${WORD})\\s+between\\s+(${VALUE})\\s+and\\s+(${VALUE})`, '$2 <= $1 <= $3'],
  [`\\b(min|max|last)\\(\\s*(${WORD})\\s*\\)`, 'summary["$2"].$1'],
  [`\\b(config|summary)\\[\\s*([${LETTER}.\\/@\\-]*[A-Za-z_][${LETTER}.\\/@\\-]*)\\s*\\]`, '$1["$2"]'],
];

/** Whether a text without operators of the filter language looks like a filter in another one: `name: x`, `a && b`. */
export function isAttempt(text: string, known: Known | null): boolean {
  const name = FIELD_COLON().exec(text)?.[1];
  const isJoined = re('\\b(and|or|not)\\b', 'u').test(text) && JOINED().test(text);
  return ATTEMPT().test(text) || isJoined || Boolean(name && known && findKeys(known, name).length);
}

/** Replace the notation of other languages. Whether the result can be parsed is up to the caller. */
export function corrected(typed: string, known: Known | null): string {
  let text = typed.replace(/[“”„«»]/g, '"').replace(/[‘’‚]/g, "'");
  const rest = text.replace(QUOTED, '');
  text += ['"', "'"].find((quote) => rest.includes(quote)) ?? '';
  const quoted: string[] = [];
  const mask = (found: string) => String.fromCharCode(0xe000 + quoted.push(found) - 1);
  let masked = text.replace(QUOTED, mask);
  if (!/[[(]/.test(masked)) masked = masked.replace(/(?<=\d),(?=\d)/g, '.');
  masked = masked.replace(re('\\b(AND|OR|NOT|IN|IS|And|Or|Not|In|Is)\\b'), (word) => word.toLowerCase());
  for (const [pattern, by] of SYMBOLS) {
    // What one rewrite quotes is masked for the next one.
    masked = masked.replace(re(pattern), by).replace(QUOTED, mask);
  }
  masked = membership(masked);
  if (JOINED().test(masked)) masked = masked.replace(re(`\\b(${STATE})\\b`), 'state == "$1"');
  masked = nearNames(masked, known);
  masked = quotedValues(masked, known);
  for (const [opening, closing] of ['()', '[]'] as const) {
    masked += closing!.repeat(Math.max(0, masked.split(opening!).length - masked.split(closing!).length));
  }
  masked = masked.replace(/ {2,}/g, ' ').trim();
  return nearStates(masked.replace(re(`[${MASKS}]`), (one) => quoted[one.charCodeAt(0) - 0xe000]!));
}

function nearStates(text: string): string {
  return text.replace(re(`(\\bstate\\s*[=!]=\\s*)"([${LETTER}]+)"`), (_, before: string, word: string) => `${before}"${nearest(word, STATES) ?? word}"`);
}

/** `tag: x`, `name contains x` and `key: x`. */
function membership(text: string): string {
  return text
    .replace(re(`\\btags?\\s*(==|!=|:|\\b(?:contains|has|includes|is)\\b)\\s*(${VALUE})`), (_, sign: string, value: string) => `${quote(value)}${sign === '!=' ? ' not' : ''} in tags`)
    .replace(re(`(${WORD})\\s+(?:contains|has|includes|like)\\s+(${VALUE})`), (_, name: string, value: string) => `${quote(value)} in ${name}`)
    .replace(re(`\\b(name|notes|state)\\s+is\\s+(?!(?:not|missing|None|null|nan)\\b)(?=${VALUE})`), '$1 == ')
    .replace(re(`\\b(name|notes)\\s*:\\s*(${VALUE})`), (_, name: string, value: string) => `${quote(value)} in ${name}`)
    .replace(re(`(${WORD})\\s*:\\s*(?=${VALUE})`), '$1 == ');
}

/** Replace names before a comparison that no run has by the known name that looks most like them. */
function nearNames(text: string, known: Known | null): string {
  if (!known) return text;
  const names = [...FIELDS, ...known.config, ...known.series, ...[...known.config].map((key) => `config.${key}`)];
  const before = `(?<![${LETTER}.\\/@${MASKS}\\-])${WORD}(?=\\s*(?:[=!<>~]=|[<>~]|\\b(?:is|in|not\\s+in)\\b))`;
  return text.replace(re(before), (name) => {
    if (isValue(name, known)) return name;
    const found = nearest(name, names);
    return found !== null && re(`^${WORD}$`, 'u').test(found) ? found : name;
  });
}

/** Put quotes around words where a string is expected. */
function quotedValues(text: string, known: Known | null): string {
  const bare = (given: string) => {
    const word = given.trim();
    if (!re(`^${WORD}$`, 'u').test(word) || isValue(word, known)) return word;
    return quote(STATES.includes(word.toLowerCase()) ? word.toLowerCase() : word);
  };
  return text
    .replace(re(`([=!]=|=~|!~|(?<![=!])~)\\s*(${WORD})`), (_, sign: string, word: string) => `${sign} ${bare(word)}`)
    .replace(re(`(?<![${LETTER}.\\/@${MASKS}\\-])(${WORD})(\\s+(?:not\\s+)?in\\s+(?:${FIELDS.join('|')})\\b)`), (_, word: string, after: string) => bare(word) + after)
    .replace(re('\\bin\\s*([\\[(])([^\\])]*)'), (_, opening: string, list: string) => `in ${opening}${list.split(',').map(bare).join(', ')}`);
}

/** Whether a word already has a meaning: a number, a constant, a name. */
function isValue(word: string, known: Known | null): boolean {
  if (/^[+-]?\.?\d/.test(word) || [CONSTANTS, FIELDS, KEYWORDS].some((list) => list.includes(word))) return true;
  return /^(config|summary)\./.test(word) || Boolean(known && findKeys(known, word).length);
}

function quote(value: string): string {
  return re(`^[${MASKS}]$`, 'u').test(value) ? value : `"${value}"`;
}

/** The name with the fewest different letters, ignoring case; null if more than a third of them differ. */
export function nearest(name: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let least = Math.floor(name.length / 3);
  for (const other of names) {
    if (name.toLowerCase() === other.toLowerCase()) return other;
    const n = distance(name.toLowerCase(), other.toLowerCase());
    if (n > least || (best !== null && n === least)) continue;
    best = other;
    least = n;
  }
  return best;
}

/** The number of letters to insert, delete or replace and of neighbours to swap (the optimal string alignment distance). */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const above = rows[i - 1]!;
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + Number(a[i - 1] !== b[j - 1])));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

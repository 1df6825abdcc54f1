/** A configuration as lines of a tree. */
import { setting } from '../../i18n/numbers';
import { isNumeric, parseExact } from '../../api/numbers';

export interface Line {
  /** Dotted path. */
  path: string;
  name: string;
  depth: number;
  /** Text of a leaf as JSON; null for a branch. */
  value: string | null;
  kind: 'text' | 'number' | 'word' | 'branch';
  /** How many lines a branch has below it. */
  n: number;
}

/** Parse the configuration's JSON; text that is not JSON becomes a single leaf. */
export function readConfig(text: string): unknown {
  try {
    return parseExact(text || '{}');
  } catch {
    return text;
  }
}

/** All lines, parents before children. */
export function linesOf(value: unknown, path = '', depth = 0): Line[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const whole = path ? `${path}.${name}` : name;
    if (typeof inner === 'object' && inner !== null && Object.keys(inner).length) {
      // Short lists of plain values are easier to read on one line.
      if (Array.isArray(inner) && inner.length <= 12 && inner.every((v) => typeof v !== 'object' || v === null))
        return [leaf(whole, name, depth, `[${inner.map(spelt).join(', ')}]`, 'text')];
      const below = linesOf(inner, whole, depth + 1);
      return [{ path: whole, name, depth, value: null, kind: 'branch' as const, n: below.length }, ...below];
    }
    const kind = isNumeric(inner) ? 'number' : typeof inner === 'string' ? 'text' : 'word';
    return [leaf(whole, name, depth, typeof inner === 'string' ? inner : spelt(inner), kind)];
  });
}

function spelt(value: unknown): string {
  return isNumeric(value) ? setting(value) : JSON.stringify(value);
}

function leaf(path: string, name: string, depth: number, value: string, kind: Line['kind']): Line {
  return { path, name, depth, value, kind, n: 0 };
}

/** The lines to show: none below folded branches; with a search, matching lines and the branches above them. */
export function shownLines(lines: readonly Line[], folded: ReadonlySet<string>, search: string): Line[] {
  const word = search.trim().toLowerCase();
  if (word) {
    const hits = lines.filter((line) => line.value !== null && `${line.path} ${line.value}`.toLowerCase().includes(word));
    return lines.filter((line) => hits.some((hit) => hit === line || hit.path.startsWith(`${line.path}.`)));
  }
  return lines.filter((line) => ![...folded].some((path) => line.path.startsWith(`${path}.`)));
}

/** What runs can be sorted, grouped and coloured by, and what a column can show: a field of the run, a config key, a summary or the curve of a key. */
import { setting } from '../i18n/numbers';
import { own } from '../api/own';
import type { Run, Scalar } from '../api/schema.gen';
import { isNumeric, toNumber } from '../api/numbers';
import { byName, legible } from '../i18n/text';
import { PARTS } from './known';

/** "name", "state", …, "config:optimizer.lr", "summary:loss" (the headline number), "summary.last:loss", "summary.min:loss", …, "curve:loss". */
export type Field = string;
export type Part = 'value' | 'last' | 'min' | 'max';

/** How a value is written. `time`: Unix seconds, 0 where it is unknown; `duration`: seconds. */
type Writing = 'text' | 'number' | 'state' | 'tags' | 'time' | 'duration';

/** The run's own fields: how each is written, and the width of its column in px. Their titles are `runs.field` in i18n. */
const OWN = {
  name: { writing: 'text', px: 240 },
  state: { writing: 'state', px: 100 },
  created: { writing: 'time', px: 100 },
  duration: { writing: 'duration', px: 100 },
  updated: { writing: 'time', px: 100 },
  tags: { writing: 'tags', px: 130 },
  notes: { writing: 'text', px: 200 },
  folder: { writing: 'text', px: 130 },
  id: { writing: 'text', px: 190 },
} as const satisfies Record<string, { writing: Writing; px: number }>;

type OwnField = keyof typeof OWN;
export const OWN_FIELDS = Object.keys(OWN) as OwnField[];

/** How the values of a field are written; null: of a config key or a logged one, by what they are. */
export function writingOf(field: Field): Writing | null {
  return Object.hasOwn(OWN, field) ? OWN[field as OwnField].writing : null;
}

/** The width of the column of a run's own field in px. */
export function widthOf(field: OwnField): number {
  return OWN[field].px;
}

type Parsed = { own: OwnField } | { config: string } | { summary: string; part: Part } | { curve: string };

export function parseField(field: Field): Parsed | null {
  if (field.startsWith('config:')) return { config: field.slice(7) };
  if (field.startsWith('curve:')) return { curve: field.slice(6) };
  const summary = /^summary(?:\.(last|min|max))?:(.*)$/s.exec(field);
  if (summary) return { summary: summary[2]!, part: (summary[1] as Part | undefined) ?? 'value' };
  const word = OWN_FIELDS.find((name) => name === field);
  return word ? { own: word } : null;
}

export function summaryField(key: string, part: Part = 'value'): Field {
  return part === 'value' ? `summary:${key}` : `summary.${part}:${key}`;
}

/** Format a value that somebody set. */
export function valueText(value: Scalar | undefined, missing = '–'): string {
  if (value === undefined || value === null) return missing;
  return isNumeric(value) ? setting(value) : legible(String(value));
}

/** The value of a field (for a curve, the headline number of its key); undefined if the run has none. */
export function valueOf(run: Run, field: Field): Scalar | undefined {
  const parsed = parseField(field);
  if (!parsed) return undefined;
  if ('config' in parsed) return own(run.config, parsed.config);
  if ('curve' in parsed) return valueOf(run, summaryField(parsed.curve));
  if ('summary' in parsed) {
    const summary = own(run.summary, parsed.summary);
    return summary && toNumber(summary[PARTS.indexOf(parsed.part)]);
  }
  if (parsed.own === 'duration') return run.created ? run.updated - run.created : undefined;
  const value = run[parsed.own];
  if (Array.isArray(value)) return value.join(', ');
  return writingOf(parsed.own) === 'time' ? value || undefined : value;
}

/** How a run made its headline number of a field; null: it is the last value, as everywhere else. `set`: the run gave the number itself. */
export function ruleOf(run: Run, field: Field): 'min' | 'max' | 'mean' | 'set' | null {
  const parsed = parseField(field);
  if (!parsed || !('summary' in parsed) || parsed.part !== 'value') return null;
  const rule = own(run.rules, parsed.summary);
  if (rule === undefined || rule === 'last') return null;
  return rule === 'min' || rule === 'max' || rule === 'mean' ? rule : 'set';
}

/** The keys whose summaries these fields need. */
export function summaryKeys(fields: Iterable<Field>): string[] {
  const keys = new Set<string>();
  for (const field of fields) {
    const parsed = parseField(field);
    if (parsed && 'summary' in parsed) keys.add(parsed.summary);
    if (parsed && 'curve' in parsed) keys.add(parsed.curve);
  }
  return [...keys];
}

export interface Sort {
  field: Field;
  descending: boolean;
}

/** Numbers before strings, strings in natural order; missing values and NaN last in either direction. */
function compareValues(a: Scalar | undefined, b: Scalar | undefined, descending: boolean): number {
  const [emptyA, emptyB] = [isEmpty(a), isEmpty(b)];
  if (emptyA || emptyB) return Number(emptyA) - Number(emptyB);
  let order: number;
  if (typeof a === 'string' && typeof b === 'string') order = byName(a, b);
  else if (typeof a === 'string' || typeof b === 'string') order = typeof a === 'string' ? 1 : -1;
  else order = Number(ordinal(a) > ordinal(b)) - Number(ordinal(a) < ordinal(b));
  return descending ? -order : order;
}

/** Booleans count as 0 or 1. */
function ordinal(value: Scalar | undefined): number | bigint {
  return isNumeric(value) ? value : Number(value);
}

function isEmpty(value: Scalar | undefined): boolean {
  return value === undefined || value === null || value === '' || Number.isNaN(value);
}

/** A sorted copy, by several fields; ties keep the newest first. */
export function sortRuns(runs: readonly Run[], sorts: readonly Sort[]): Run[] {
  const columns = sorts.map((sort) => new Map(runs.map((run) => [run, valueOf(run, sort.field)] as const)));
  return [...runs].sort((a, b) => {
    for (let i = 0; i < sorts.length; i++) {
      const order = compareValues(columns[i]!.get(a), columns[i]!.get(b), sorts[i]!.descending);
      if (order) return order;
    }
    return b.created - a.created || (a.id < b.id ? -1 : 1);
  });
}

export interface Group {
  /** The values that its runs share, as one string: unique, and the key under which folding is remembered. */
  id: string;
  values: (Scalar | undefined)[];
  runs: Run[];
}

/** Runs that agree in all `fields`, in the order in which they first appear. */
export function groupRuns(runs: readonly Run[], fields: readonly Field[]): Group[] {
  const groups = new Map<string, Group>();
  for (const run of runs) {
    const values = fields.map((field) => valueOf(run, field));
    const id = JSON.stringify(values.map((v) => (v === undefined ? [] : isNumeric(v) ? [String(v)] : v)));
    const group = groups.get(id);
    if (group) group.runs.push(run);
    else groups.set(id, { id, values, runs: [run] });
  }
  return [...groups.values()];
}

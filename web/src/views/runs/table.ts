/** Rows and columns of the table of runs, and the summary of a group. */
import { duration, number, setting } from '../../i18n/numbers';
import { isNumeric, isSame } from '../../api/numbers';
import { own } from '../../api/own';
import type { Key, Run, Scalar } from '../../api/schema.gen';
import { byName } from '../../i18n/text';
import { groupRuns, OWN_FIELDS, parseField, ruleOf, summaryField, valueOf, widthOf, writingOf, type Field, type Group } from '../../state/fields';

export type Row =
  | { kind: 'group'; id: string; group: Group; isFolded: boolean }
  | { kind: 'unlisted'; id: string; runs: readonly Run[]; isFolded: boolean }
  | { kind: 'run'; id: string; run: Run; depth: number };

/** Id of the row above the shown runs that do not match the filter. */
export const UNLISTED = 'unlisted';

/** The rows to draw: each group with its runs below unless folded; the `unlisted` runs last, in the same way. */
export function rowsOf(runs: readonly Run[], groupBy: readonly Field[], folded: ReadonlySet<string>, unlisted: readonly Run[] = []): Row[] {
  const listed = listedRows(runs, groupBy, folded);
  if (!unlisted.length) return listed;
  const isFolded = folded.has(UNLISTED);
  const rows = isFolded ? [] : unlisted.map((run): Row => ({ kind: 'run', id: run.id, run, depth: 1 }));
  return [...listed, { kind: 'unlisted', id: UNLISTED, runs: unlisted, isFolded }, ...rows];
}

function listedRows(runs: readonly Run[], groupBy: readonly Field[], folded: ReadonlySet<string>): Row[] {
  if (!groupBy.length) return runs.map((run) => ({ kind: 'run', id: run.id, run, depth: 0 }));
  return groupRuns(runs, groupBy).flatMap((group): Row[] => {
    const isFolded = folded.has(group.id);
    const head: Row = { kind: 'group', id: group.id, group, isFolded };
    return isFolded ? [head] : [head, ...group.runs.map((run): Row => ({ kind: 'run', id: run.id, run, depth: 1 }))];
  });
}

const TELLING = /(^|[/_.])(val|valid|test|eval)?[/_.]?(loss|acc|accuracy|error|f1|auc|bleu|perplexity|reward|score)$/i;

/** Best first; `worth` is at least 2 for losses and scores. */
function ranked(keys: readonly Key[]): { key: string; worth: number }[] {
  const most = keys.reduce((n, key) => Math.max(n, key.n_runs), 0);
  return keys
    .map((key) => ({ key: key.key, worth: (TELLING.test(key.key) ? 2 : 0) + key.n_runs / (most || 1) }))
    .sort((a, b) => b.worth - a.worth || a.key.length - b.key.length);
}

const MOST_CURVES = 12;

/** The key of the column of small curves, then those drawn for runs that lack it. */
export function curveKeys(keys: readonly Key[]): string[] {
  return ranked(keys).slice(0, MOST_CURVES).map(({ key }) => key);
}

/** The key whose small curve a run has in the column of `key`: in that of the main key (the first of `keys`), the first that the run has. */
export function curveKey(run: Pick<Run, 'summary'>, key: string, keys: readonly string[]): string {
  if (key !== keys[0]) return key;
  return keys.find((one) => own(run.summary, one)) ?? key;
}

/** The keys that show how well a run does: losses and scores if there are any, validation and short names first. */
export function mainKeys(keys: readonly Key[]): string[] {
  return ranked(keys)
    // If there are losses and scores, timings and learning rates are only in the chooser.
    .filter(({ worth }, i, all) => worth >= 2 || (all[0]?.worth ?? 0) < 2)
    .slice(0, 4)
    .map(({ key }) => key);
}

/** Default columns: state, the curve of the main key, times, then results and the config that differs. */
export function defaultColumns(keys: readonly Key[], config: ReadonlyMap<string, { n: number; differs: boolean }>, hasTags = true, hasFolders = false): Field[] {
  const results = mainKeys(keys);
  const settings = [...config]
    .sort((a, b) => Number(b[1].differs) - Number(a[1].differs) || b[1].n - a[1].n)
    .slice(0, 6)
    .map(([key]) => `config:${key}`);
  const curve = results.slice(0, 1).map((key) => `curve:${key}`);
  return [...(hasFolders ? ['folder'] : []), 'state', ...curve, 'created', 'duration', ...(hasTags ? ['tags'] : []), ...results.map((key) => summaryField(key)), ...settings];
}

/** Columns without the config in which all runs agree. */
export function differing(columns: readonly Field[], config: ReadonlyMap<string, { differs: boolean }>): Field[] {
  return columns.filter((field) => !field.startsWith('config:') || config.get(field.slice(7))?.differs);
}

export interface Figures {
  n: number;
  mean: number;
  /** Integers beyond 2^53 are exact. */
  min: number | bigint;
  max: number | bigint;
}

/** Mean, min and max of a field over the runs where it is a finite number; null if it never is. */
export function figures(runs: readonly Run[], field: Field): Figures | null {
  let [n, sum] = [0, 0];
  let [min, max]: (number | bigint)[] = [Infinity, -Infinity];
  for (const run of runs) {
    const found = valueOf(run, field);
    if (!isNumeric(found) || !Number.isFinite(Number(found))) continue;
    n++;
    sum += Number(found);
    if (found < min!) min = found;
    if (found > max!) max = found;
  }
  return n ? { n, mean: sum / n, min: min!, max: max! } : null;
}

/** Format a number like the cells of its column: seconds as times, integers of the configuration without commas. */
export function figure(field: Field, value: number | bigint, digits?: number): string {
  if (writingOf(field) === 'duration') return duration(Number(value));
  if (field.startsWith('config:') && (typeof value === 'bigint' || Number.isInteger(value))) return setting(value);
  return number(value, digits);
}

/** The range of a column as text, with fewer digits if the column is narrow. */
export function rangeText(field: Field, { min, max }: Figures, n_characters: number): string {
  for (const digits of [4, 3, 2, 1]) {
    const [low, high] = [figure(field, min, digits), figure(field, max, digits)];
    const text = low === high ? low : `${low} – ${high}`;
    if (text.length <= n_characters || digits === 1) return text;
  }
  return '';
}

/** The value that the runs of a group share in a non-numeric column; null if they differ, undefined if none has one. */
export function sharedValue(runs: readonly Run[], field: Field): Scalar | undefined {
  const first = valueOf(runs[0]!, field);
  return runs.every((run) => isSame(valueOf(run, field), first)) ? first : null;
}

/** Whether a column is aligned right. */
export function isNumberColumn(field: Field, runs: readonly Run[]): boolean {
  const parsed = parseField(field);
  if (!parsed) return false;
  if ('summary' in parsed) return true;
  if ('own' in parsed) return ['number', 'duration'].includes(writingOf(field)!);
  if ('curve' in parsed) return false;
  for (const run of runs) {
    const value = own(run.config, parsed.config);
    if (value !== undefined && value !== null) return isNumeric(value);
  }
  return false;
}

const MEASURED = 50;
/** "mean" before a number. */
const RULE_PX = 34;

/** Wide enough for the title and the numbers of the first runs, so that seeds that differ in their last digit look different. */
export function defaultWidth(field: Field, runs: readonly Run[] = []): number {
  const parsed = parseField(field);
  if (!parsed) return 110;
  if ('summary' in parsed) {
    const ruleWidth = runs.slice(0, MEASURED).some((run) => ruleOf(run, field)) ? RULE_PX : 0;
    return Math.min(190, Math.max(92 + ruleWidth, 40 + parsed.summary.length * 7));
  }
  if ('curve' in parsed) return Math.min(190, Math.max(120, 76 + parsed.curve.length * 7));
  if ('config' in parsed) {
    const longest = runs.slice(0, MEASURED).reduce((most, run) => {
      const value = own(run.config, parsed.config);
      return isNumeric(value) ? Math.max(most, setting(value).length) : most;
    }, 0);
    return Math.min(184, Math.max(84, 58 + parsed.config.length * 7, 24 + longest * 7.4));
  }
  return widthOf(parsed.own);
}

/** The table on screen as CSV (RFC 4180), with every digit. */
export function toCsv(runs: readonly Run[], columns: readonly Field[], title: (field: Field) => string): string {
  const cell = (value: Scalar | undefined) => {
    const text = value === undefined || value === null ? '' : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const raw = (run: Run, field: Field) => {
    const value = valueOf(run, field);
    return writingOf(field) === 'time' && value !== undefined ? new Date(Number(value) * 1000).toISOString() : value;
  };
  const fields = ['id', 'name', ...columns.filter((field) => field !== 'id' && field !== 'name' && !field.startsWith('curve:'))];
  const lines = [fields.map((field) => cell(title(field))), ...runs.map((run) => fields.map((field) => cell(raw(run, field))))];
  return lines.map((line) => line.join(',') + '\r\n').join('');
}

/** All possible columns, by where their values come from; config that differs first. */
export function choices(keys: readonly Key[], config: ReadonlyMap<string, { differs: boolean }>): { own: Field[]; config: Field[]; summary: Field[] } {
  const settings = [...config].sort((a, b) => Number(b[1].differs) - Number(a[1].differs) || byName(a[0], b[0]));
  return {
    own: OWN_FIELDS.filter((field) => field !== 'name'),
    config: settings.map(([key]) => `config:${key}`),
    summary: keys.map((key) => summaryField(key.key)),
  };
}

/** The row to which a cursor at row `at` moves; without a cursor (-1) a step down enters at the first row, a step up at the last. */
export function cursorAfter(at: number, by: number, nRows: number): number {
  if (!Number.isFinite(by)) return by < 0 ? 0 : nRows - 1;
  const next = at >= 0 ? at + by : by > 0 ? 0 : nRows - 1;
  return Math.min(nRows - 1, Math.max(0, next));
}

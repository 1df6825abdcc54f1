/** Parsing, sorting, filtering and saving of a logged table. */
import { number, setting } from '../../i18n/numbers';
import { isNumeric, parseExact } from '../../api/numbers';
import type { Asset, AssetKind } from '../../api/schema.gen';
import { byName } from '../../i18n/text';
import { lookOf } from './kinds';

/** A file in a cell. */
export interface Inside {
  kind: AssetKind;
  blob: string;
  text: string;
  shape: number[];
}
export type Cell = string | number | bigint | boolean | null | Inside;

export interface Column {
  name: string;
  cells: Cell[];
  /** All values are numbers, NaN included; they are aligned right. */
  isNumbers: boolean;
  hasMedia: boolean;
}

export interface Sorting {
  column: number;
  descending: boolean;
}

const NOT_FINITE = new Map<unknown, number>([['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity]]);

/** Parse a table's JSON; integers that a float would round are kept exactly. */
export function readTable(text: string): Column[] {
  const table = parseExact(text) as { columns: string[]; values: Cell[][] };
  return table.columns.map((name, i) => {
    const cells = (table.values[i] ?? []).map((cell) => (typeof cell !== 'object' || cell === null || isWhole(cell) ? cell : JSON.stringify(cell)));
    const isNumbers = cells.some(isNumeric) && cells.every((cell) => cell === null || isNumeric(cell) || NOT_FINITE.has(cell));
    return {
      name,
      cells: isNumbers ? cells.map((cell) => NOT_FINITE.get(cell) ?? cell) : cells,
      isNumbers,
      hasMedia: cells.some(isInside),
    };
  });
}

const KINDS: readonly unknown[] = ['image', 'figure', 'audio', 'array'];

/** Whether it has all fields of a cell with a file: another program may have written the table. */
function isWhole(cell: Partial<Inside>): boolean {
  return KINDS.includes(cell.kind) && typeof cell.blob === 'string' && typeof cell.text === 'string' && Array.isArray(cell.shape);
}

export function isInside(cell: Cell | undefined): cell is Inside {
  return typeof cell === 'object' && cell !== null;
}

/** A cell's file as an asset, for components that show assets. */
export function asAsset(cell: Inside, table: Asset, column: string, row: number): Asset {
  return { ...table, key: `${table.key} / ${column} / ${row}`, kind: cell.kind, blob: cell.blob, text: cell.text, shape: cell.shape, item: null, markdown: false };
}

/** Text of a cell: integers in full, others with five digits. */
export function shown(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'bigint' || Number.isInteger(cell)) return setting(cell as number | bigint);
  if (typeof cell === 'number') return number(cell, 5);
  return isInside(cell) ? cell.text : String(cell);
}

/** Text of a cell with all its digits, for searching and saving. */
export function whole(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '';
  return isInside(cell) ? cell.text || cell.blob : String(cell);
}

/** Compare numbers by size, strings in natural order; empty cells and NaN last in either direction. */
function compare(a: Cell | undefined, b: Cell | undefined, descending: boolean): number {
  const [emptyA, emptyB] = [isEmpty(a), isEmpty(b)];
  if (emptyA || emptyB) return Number(emptyA) - Number(emptyB);
  let order: number;
  if (isNumeric(a) && isNumeric(b)) order = a < b ? -1 : a > b ? 1 : 0;
  else if (isNumeric(a) !== isNumeric(b)) order = isNumeric(a) ? -1 : 1;
  else order = byName(whole(a), whole(b));
  return descending ? -order : order;
}

function isEmpty(cell: Cell | undefined): boolean {
  return cell === undefined || cell === null || cell === '' || Number.isNaN(cell);
}

const OPERATORS = ['==', '!=', '<=', '>=', '=', '<', '>'] as const;

interface Condition {
  cells: readonly Cell[];
  operator: (typeof OPERATORS)[number];
  value: string;
}

/** Parse "loss > 2" as a condition; null if it is a text to search for. If two columns fit, the longer name wins. */
function conditionOf(columns: readonly Column[], text: string): Condition | null {
  const named = columns.filter(({ name }) => name && text.toLowerCase().startsWith(name.toLowerCase())).sort((a, b) => b.name.length - a.name.length);
  for (const { name, cells } of named) {
    const rest = text.slice(name.length).trim();
    const operator = OPERATORS.find((one) => rest.startsWith(one));
    const value = operator && rest.slice(operator.length).trim();
    if (operator && value) return { cells, operator, value };
  }
  return null;
}

function fulfils({ cells, operator, value }: Condition, row: number): boolean {
  const cell = cells[row];
  if (operator === '!=') return !fulfils({ cells, operator: '=', value }, row);
  if (operator === '=' || operator === '==') {
    return isNumeric(cell) && !Number.isNaN(Number(value)) ? Number(cell) === Number(value) || whole(cell) === value : whole(cell).toLowerCase() === value.toLowerCase();
  }
  if (isEmpty(cell)) return false;
  const order = isNumeric(cell) ? Number(cell) - Number(value) : byName(whole(cell), value);
  if (operator === '<') return order < 0;
  if (operator === '>') return order > 0;
  return operator === '<=' ? order <= 0 : order >= 0;
}

/** Whether a row matches conditions joined by `and` ("label = 3 and loss > 2"), or otherwise a text in any column. */
function filterOf(columns: readonly Column[], wanted: string): ((row: number) => boolean) | null {
  const text = wanted.trim();
  if (!text) return null;
  const conditions = text.split(/\s+(?:and|&&)\s+/i).map((part) => conditionOf(columns, part.trim()));
  if (conditions.every((one) => one !== null)) return (row) => conditions.every((one) => fulfils(one, row));
  const low = text.toLowerCase();
  return (row) => columns.some((column) => whole(column.cells[row]).toLowerCase().includes(low));
}

/** The condition that finds the rows with this cell. */
export function conditionFor(column: Column, cell: Cell): string {
  return `${column.name} = ${whole(cell)}`;
}

/** A column with more distinct values is not offered for grouping. */
const MOST_GROUPS = 1000;

/** Columns that repeat their values. */
export function groupable(columns: readonly Column[]): number[] {
  return columns.flatMap(({ cells, hasMedia }, i) => {
    if (hasMedia || cells.length < 2) return [];
    const values = new Set<Cell | undefined>();
    for (const cell of cells) if (values.add(cell).size > Math.min(MOST_GROUPS, cells.length / 2)) return [];
    return [i];
  });
}

/** Whether the mean of a column is meaningful: numbers and booleans. */
function isMeasured({ cells, isNumbers }: Column): boolean {
  return isNumbers || (cells.some((cell) => typeof cell === 'boolean') && cells.every((cell) => cell === null || typeof cell === 'boolean'));
}

/** One row per value of a column: its number of rows, and the means of their finite numbers (for booleans, the fraction that is true). */
export function grouped(columns: readonly Column[], rows: readonly number[], by: number, names: { n: string; mean: (column: string) => string }): Column[] {
  const { name, cells, isNumbers } = columns[by]!;
  const groups = new Map<Cell | undefined, number[]>();
  for (const row of rows) {
    const group = groups.get(cells[row]);
    if (group) group.push(row);
    else groups.set(cells[row], [row]);
  }
  const values = [...groups.keys()].sort((a, b) => compare(a, b, false));
  const means = columns.filter((column, i) => i !== by && isMeasured(column)).map((column): Column => ({
    name: names.mean(column.name),
    cells: values.map((value) => meanOf(groups.get(value)!.map((row) => column.cells[row]))),
    isNumbers: true,
    hasMedia: false,
  }));
  const counts: Column = { name: names.n, cells: values.map((value) => groups.get(value)!.length), isNumbers: true, hasMedia: false };
  return [{ name, cells: values.map((value) => value ?? null), isNumbers, hasMedia: false }, counts, ...means];
}

function meanOf(cells: readonly (Cell | undefined)[]): number | null {
  const numbers = cells.flatMap((cell) => (isNumeric(cell) || typeof cell === 'boolean' ? Number(cell) : [])).filter(Number.isFinite);
  return numbers.length ? numbers.reduce((sum, value) => sum + value, 0) / numbers.length : null;
}

/** Indices of the matching rows, sorted. */
export function rowsOf(columns: readonly Column[], wanted: string, sorting: Sorting | null): number[] {
  const n = columns[0]?.cells.length ?? 0;
  let rows = Array.from({ length: n }, (_, i) => i);
  const isWanted = filterOf(columns, wanted);
  if (isWanted) rows = rows.filter(isWanted);
  const by = sorting && columns[sorting.column]?.cells;
  return by ? rows.sort((a, b) => compare(by[a], by[b], sorting.descending) || a - b) : rows;
}

/** Width of a digit in a table in pixels, generous enough that nothing is cut off. */
const CH = 6.5;

/** Pixels that a cell's file needs when drawn by Thumbnail. */
function thumbnailWidth({ kind, shape }: Inside): number {
  const { cellPx } = lookOf(kind);
  if (cellPx !== null) return cellPx;
  const [height, width] = shape;
  return !height || !width ? 56 : Math.min(160, Math.max(56, (56 * width) / height));
}

/** Widths of the columns in characters, from their names and the first rows. */
export function widths(columns: readonly Column[], most = 44): number[] {
  return columns.map((column) => {
    const texts = column.cells.slice(0, 300).map((cell) => (isInside(cell) ? Math.ceil(thumbnailWidth(cell) / CH) : shown(cell).length));
    return Math.min(most, Math.max(4, column.name.length + 2, ...texts));
  });
}

/** The whole table as CSV (RFC 4180). */
export function csv(columns: readonly Column[]): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [columns.map((column) => quoted(column.name)).join(',')];
  const n = columns[0]?.cells.length ?? 0;
  for (let row = 0; row < n; row++) lines.push(columns.map((column) => quoted(whole(column.cells[row]))).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

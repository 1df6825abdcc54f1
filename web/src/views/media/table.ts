/** A logged table as it is read, sorted, filtered and saved: arithmetic only. */
import { number, setting } from '../../i18n/numbers';
import { isNumeric, parseExact } from '../../api/numbers';
import type { Asset, AssetKind } from '../../api/schema.gen';
import { byName } from '../../i18n/text';

/** What a cell holds that is larger than a text. */
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
  /** All that is there are numbers: they stand to the right, and NaN is one of them. */
  isNumbers: boolean;
  hasMedia: boolean;
}

export interface Sorting {
  column: number;
  descending: boolean;
}

const NOT_FINITE = new Map<unknown, number>([['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity]]);

/** A table's JSON; whole numbers that a float would round are kept exactly. */
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

/** Whether it says all that a cell with a file says: someone else may have written the table. */
function isWhole(cell: Partial<Inside>): boolean {
  return KINDS.includes(cell.kind) && typeof cell.blob === 'string' && typeof cell.text === 'string' && Array.isArray(cell.shape);
}

export function isInside(cell: Cell | undefined): cell is Inside {
  return typeof cell === 'object' && cell !== null;
}

/** A cell's file as an asset, for what shows assets. */
export function asAsset(cell: Inside, table: Asset, column: string, row: number): Asset {
  return { ...table, key: `${table.key} / ${column} / ${row}`, kind: cell.kind, blob: cell.blob, text: cell.text, shape: cell.shape, item: null, markdown: false };
}

/** What is read in a cell: whole numbers whole, others to five digits. */
export function shown(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'bigint' || Number.isInteger(cell)) return setting(cell as number | bigint);
  if (typeof cell === 'number') return number(cell, 5);
  return isInside(cell) ? cell.text : String(cell);
}

/** A cell with all its digits: what is searched, and what a file gets. */
export function whole(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '';
  return isInside(cell) ? cell.text || cell.blob : String(cell);
}

/** Numbers by size, texts in natural order; what is empty or NaN is last either way. */
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

/** Numbers of the rows that contain `wanted`, in any column and in capitals or not, in the order asked for. */
export function rowsOf(columns: readonly Column[], wanted: string, sorting: Sorting | null): number[] {
  const n = columns[0]?.cells.length ?? 0;
  let rows = Array.from({ length: n }, (_, i) => i);
  const text = wanted.trim().toLowerCase();
  if (text) rows = rows.filter((row) => columns.some((column) => whole(column.cells[row]).toLowerCase().includes(text)));
  const by = sorting && columns[sorting.column]?.cells;
  return by ? rows.sort((a, b) => compare(by[a], by[b], sorting.descending) || a - b) : rows;
}

/** Pixels of a digit in a table, a little less than fonts have, so that nothing is cut off. */
const CH = 6.5;

/** Pixels that a cell's file takes, as Thumbnail draws it. */
export function thumbnailWidth({ kind, shape }: Inside): number {
  if (kind === 'audio') return 180;
  const [height, width] = shape;
  return kind === 'array' || !height || !width ? 56 : Math.min(160, Math.max(56, (56 * width) / height));
}

/** Widths of the columns in characters: of their names and what is in them, of the first rows. */
export function widths(columns: readonly Column[], most = 44): number[] {
  return columns.map((column) => {
    const texts = column.cells.slice(0, 300).map((cell) => (isInside(cell) ? Math.ceil(thumbnailWidth(cell) / CH) : shown(cell).length));
    return Math.min(most, Math.max(4, column.name.length + 2, ...texts));
  });
}

/** The whole table as CSV, as RFC 4180 has it. */
export function csv(columns: readonly Column[]): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [columns.map((column) => quoted(column.name)).join(',')];
  const n = columns[0]?.cells.length ?? 0;
  for (let row = 0; row < n; row++) lines.push(columns.map((column) => quoted(whole(column.cells[row]))).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

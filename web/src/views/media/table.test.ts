import { expect, test } from 'vitest';
import { conditionFor, csv, groupable, grouped, readTable, rowsOf, shown, widths } from './table';

const TEXT = JSON.stringify({
  columns: ['name', 'f1', 'picture'],
  values: [
    ['b10', 'b2', 'a, "quoted"'],
    [0.5, 'NaN', -2],
    [{ kind: 'image', blob: 'ab.png', text: 'a cat', shape: [2, 2, 3] }, null, null],
  ],
});

test('columns of numbers, texts and images are distinguished', () => {
  const columns = readTable(TEXT);
  expect(columns.map((column) => [column.isNumbers, column.hasMedia])).toEqual([[false, false], [true, false], [false, true]]);
  expect(columns[1]!.cells).toEqual([0.5, NaN, -2]);
});

test('integers are exact, even beyond 2^53', () => {
  expect(shown(20240117)).toBe('20240117');
  expect(shown(-3)).toBe('−3');
  const [column] = readTable('{"columns": ["seed"], "values": [[9007199254740993, 3]]}');
  expect(column!.cells).toEqual([9007199254740993n, 3]);
});

test('rows are sorted naturally, with non-numbers last in either direction', () => {
  const columns = readTable(TEXT);
  expect(rowsOf(columns, '', null)).toEqual([0, 1, 2]);
  expect(rowsOf(columns, '', { column: 0, descending: false })).toEqual([2, 1, 0]);
  expect(rowsOf(columns, '', { column: 1, descending: false })).toEqual([2, 0, 1]);
  expect(rowsOf(columns, '', { column: 1, descending: true })).toEqual([0, 2, 1]);
});

test('a cell that is not a file of the run is shown as its text', () => {
  const [column] = readTable('{"columns": ["a"], "values": [[{"kind": "page"}, {"kind": "image", "blob": 3}, ["x"]]]}');
  expect(column!.cells).toEqual(['{"kind":"page"}', '{"kind":"image","blob":3}', '["x"]']);
  expect(column!.hasMedia).toBe(false);
});

test('rows that contain a text are found in every column, including captions', () => {
  const columns = readTable(TEXT);
  expect(rowsOf(columns, 'B', null)).toEqual([0, 1]);
  expect(rowsOf(columns, 'cat', null)).toEqual([0]);
  expect(rowsOf(columns, 'nothing', null)).toEqual([]);
});

test('a table is saved as CSV with all its digits', () => {
  expect(csv(readTable(TEXT))).toBe('name,f1,picture\r\nb10,0.5,a cat\r\nb2,NaN,\r\n"a, ""quoted""",-2,\r\n');
});

test('a column is as wide as the players and images in it', () => {
  const file = (kind: string, shape: number[]) => [{ kind, blob: 'ab', text: '', shape }];
  const values = [file('audio', [800, 1]), file('image', [28, 28, 1]), file('image', [10, 20, 1]), file('figure', [10, 900, 4]), file('array', [3]), [12]];
  const columns = readTable(JSON.stringify({ columns: ['a', 'b', 'c', 'd', 'e', 'f'], values }));
  expect(widths(columns)).toEqual([28, 9, 18, 25, 9, 4]);
});

const PREDICTIONS = JSON.stringify({
  columns: ['label', 'label 2', 'loss', 'right', 'picture'],
  values: [
    ['b', 'a', 'b', 'a', null],
    [1, 2, 3, 4, 5],
    [1, 2, 'NaN', 4, 7],
    [true, false, false, true, true],
    [{ kind: 'image', blob: 'ab.png', text: 'a cat', shape: [2, 2, 3] }, null, null, null, null],
  ],
});

test('conditions on columns find rows, with the longer of two names; anything else is a text', () => {
  const columns = readTable(PREDICTIONS);
  const found = (text: string) => rowsOf(columns, text, null);
  expect(found('label = A')).toEqual([1, 3]);
  expect(found('label 2 >= 4')).toEqual([3, 4]);
  expect(found('label = a and loss > 2')).toEqual([3]);
  expect(found('loss < 3')).toEqual([0, 1]);
  expect(found('right != true')).toEqual([1, 2]);
  expect(found('elsewhere = 3')).toEqual([]);
  expect(found('label =')).toEqual([]);
});

test('groups count their rows and have the means of finite numbers and the fraction that is true', () => {
  const columns = readTable(PREDICTIONS);
  const groups = grouped(columns, [0, 1, 2, 3, 4], 0, { n: 'n', mean: (name) => `mean ${name}` });
  expect(groups.map(({ name, cells }) => [name, ...cells])).toEqual([
    ['label', 'a', 'b', null],
    ['n', 2, 2, 1],
    ['mean label 2', 3, 2, 5],
    ['mean loss', 3, 1, 7],
    ['mean right', 0.5, 0.5, 1],
  ]);
  expect(rowsOf(columns, conditionFor(columns[0]!, 'a'), null)).toEqual([1, 3]);
});

test('rows are grouped by columns with repeated values, not by images or columns that differ in every row', () => {
  const values = [['a', 'b', 'a', 'b'], [1, 2, 3, 4], [true, false, true, true], Array(4).fill({ kind: 'image', blob: 'a', text: '', shape: [] })];
  expect(groupable(readTable(JSON.stringify({ columns: ['a', 'b', 'c', 'd'], values })))).toEqual([0, 2]);
});

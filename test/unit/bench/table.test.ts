import { expect, test } from 'vitest';
import { spreadOf } from '../../bench/measure.ts';
import { number, ratio, renderTable, time } from '../../bench/table.ts';

test.each([
  [0, '0.00'],
  [0.1234, '0.12'],
  [9.994, '9.99'],
  [9.996, '10.0'],
  [12.34, '12.3'],
  [99.96, '100'],
  [123.4, '123'],
  [999.6, '1 000'],
  [1234, '1 234'],
  [1_234_567, '1 234 567'],
])('%d is shown as %s', (value, text) => {
  expect(number(value)).toBe(text);
});

test('a time is its median and quartiles, a ratio one of medians', () => {
  const slow = spreadOf([30, 40, 50]);
  expect(time(slow)).toEqual(['40.0', '35.0 … 45.0']);
  expect(ratio(slow, spreadOf([20]))).toBe('2.00×');
  expect(ratio(slow, undefined)).toBe('');
  expect(ratio(undefined, slow)).toBe('');
});

test('columns are as wide as their widest cell; rows may end early; notes stand below', () => {
  const text = renderTable({
    title: 'Times',
    columns: [
      { title: 'what', align: 'left' },
      { title: 'ms', align: 'right' },
      { title: '', align: 'left' },
    ],
    rows: [['a long name', '1.00', 'x'], ['b', '1 234'], ['c']],
    notes: ['c: refused'],
  });
  expect(text.split('\n')).toEqual([
    'Times',
    '',
    'what            ms',
    '-----------  -----  -',
    'a long name   1.00  x',
    'b            1 234',
    'c',
    'c: refused',
    '',
  ]);
});

// Results as text tables and as JSON.

import type { Spread } from './measure.ts';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** One table of a bench; a cell that is left empty has nothing to say. */
export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  /** Lines below. */
  readonly notes?: readonly string[];
}

export function renderTable({ title, columns, rows, notes = [] }: Table): string {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        return align === 'left' ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  const head = [title, '', line(columns.map((column) => column.title)), rule];
  return [...head, ...rows.map(line), ...notes, ''].join('\n');
}

/** Three digits that count: `1.23`, `12.3`, `123`, `1 234`. */
export function number(value: number): string {
  const size = Math.abs(value);
  const digits = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, digits === 0 ? ' ' : '');
}

/** A whole number: `10`, `1 000`. */
export function count(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** Milliseconds: the median and, in brackets, the quartiles. */
export function time({ median, lowerQuartile, upperQuartile }: Spread): readonly [median: string, quartiles: string] {
  return [number(median), `${number(lowerQuartile)} … ${number(upperQuartile)}`];
}

/** How many times as long as another. */
export function ratio(spread: Spread | undefined, to: Spread | undefined): string {
  return spread === undefined || to === undefined ? '' : `${number(spread.median / to.median)}×`;
}

// The direct index: a class for each value.
//
// A table of ports ends with the first value of the last run where that saves half of it: those of a server then have a
// few kilobytes instead of 64 or more, and fit into the nearest cache. Tables of bytes are small as they are.

import { FIELD_MAXIMUM, type NumericField } from '../../base/predicate.ts';
import type { Partition } from '../components.ts';
import { readTable, type TablePool } from '../tables.ts';
import type { DirectIndex } from './field-index.ts';

export function buildDirect(field: NumericField, partition: Partition, pool: TablePool): DirectIndex {
  const values = FIELD_MAXIMUM[field] + 1;
  if (values > 1 << 16) throw new Error(`${field} has too many values for a direct index`);
  const table = expand(partition, elementsOf(partition, values));
  return { kind: 'direct', field, table: pool.putNumbers(field, table, partition.classCount - 1) };
}

export function lookUpDirect({ table }: DirectIndex, value: number, tables: Uint8Array): number {
  return readTable(tables, table, Math.min(value, table.length - 1));
}

/** Whether code has to bring values down to the last element. */
export function isTrimmed({ field, table }: DirectIndex): boolean {
  return table.length <= FIELD_MAXIMUM[field];
}

function elementsOf({ starts }: Partition, values: number): number {
  const needed = starts[starts.length - 1]! + 1;
  return values > 256 && needed <= values / 2 ? needed : values;
}

/** The classes of the values below `length`. */
export function expand({ starts, classes }: Partition, length: number): Uint32Array {
  const table = new Uint32Array(length);
  for (let run = 0; run < starts.length; run++) {
    table.fill(classes[run]!, starts[run]!, run + 1 < starts.length ? Math.min(starts[run + 1]!, length) : length);
  }
  return table;
}

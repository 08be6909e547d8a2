// Looks a field's value up in any index, as generated code does.

import type { FieldValues } from '../../base/predicate.ts';
import { readTable } from '../tables.ts';
import type { FieldIndex } from './field-index.ts';

/** The class of the packet's value. */
export function lookUpIndex(index: FieldIndex, fields: FieldValues, tables: Uint8Array): number {
  switch (index.kind) {
    case 'direct':
      return readTable(tables, index.table, fields[index.field]);
  }
}

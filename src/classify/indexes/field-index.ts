// An index finds the class of a field's value. Each kind has a file here that builds it from a partition and looks
// values up in it, and one in `src/codegen/indexes/` that emits the same look-up.

import type { Field, NumericField } from '../../base/predicate.ts';
import type { TableRef } from '../tables.ts';

/** One element for each value of the field: ports, protocol, flags. */
export interface DirectIndex {
  readonly kind: 'direct';
  readonly field: NumericField;
  readonly table: TableRef;
}

export type FieldIndex = DirectIndex;

/** The field an index asks for. */
export function indexedField(index: FieldIndex): Field {
  return index.field;
}

// A direct index as code: one load.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1 } from '../../bpf/instruction.ts';
import type { DirectIndex } from '../../classify/indexes/field-index.ts';
import { loadField } from '../key.ts';
import type { TableAccess } from '../table-access.ts';

/** R0 = class of the field's value. Clobbers what `access` does, and R1. */
export function emitDirect(
  a: Assembler,
  { field, table }: DirectIndex,
  access: TableAccess,
  broken: Label,
): void {
  loadField(a, R1, field);
  access.element(a, R0, table, R1, broken);
}

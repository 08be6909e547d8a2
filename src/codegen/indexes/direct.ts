// The direct index as code: one load.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R2 } from '../../bpf/instruction.ts';
import { isTrimmed } from '../../classify/indexes/direct.ts';
import type { DirectIndex } from '../../classify/indexes/field-index.ts';
import { fieldRange, loadField } from '../key.ts';
import type { TableAccess } from '../table-access.ts';

export function emitDirect(a: Assembler, index: DirectIndex, access: TableAccess, broken: Label): void {
  const { field, table } = index;
  loadField(a, R1, field);
  const trimmed = isTrimmed(index);
  if (trimmed) {
    // The smaller of the value and the last element, without a branch: value − last, or 0 where that is not negative.
    const last = table.length - 1;
    a.alu('sub', R1, last).mov(R2, R1).alu('arsh', R2, 63).alu('and', R1, R2).alu('add', R1, last);
  }
  access.element(a, R0, table, R1, broken, trimmed ? undefined : fieldRange(field));
}

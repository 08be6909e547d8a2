// The index of two halves as code: two loads that do not wait for each other, then a third.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R9 } from '../../bpf/instruction.ts';
import type { CrossIndex } from '../../classify/indexes/field-index.ts';
import { loadPiece } from '../key.ts';
import { rangeOf, type TableAccess } from '../table-access.ts';

export function emitCross(
  a: Assembler,
  { field, high, low, columns, cells }: CrossIndex,
  access: TableAccess,
  broken: Label,
): void {
  loadPiece(a, R1, field, 2, 2);
  access.element(a, R9, high, R1, broken, 1 << 16);
  loadPiece(a, R1, field, 0, 2);
  access.element(a, R0, low, R1, broken, 1 << 16);
  a.alu('mul', R9, columns).alu('add', R9, R0);
  access.element(a, R0, cells, R9, broken, (rangeOf(high) - 1) * columns + rangeOf(low));
}

// The index of two halves as code: two loads that do not wait for each other, then a third.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R9 } from '../../bpf/instruction.ts';
import type { CrossIndex } from '../../classify/indexes/field-index.ts';
import { loadField } from '../key.ts';
import type { TableAccess } from '../table-access.ts';

export function emitCross(
  a: Assembler,
  { field, high, low, columns, cells }: CrossIndex,
  access: TableAccess,
  broken: Label,
): void {
  loadField(a, R1, field);
  a.alu('rsh', R1, 16);
  access.element(a, R9, high, R1, broken);
  loadField(a, R1, field);
  a.alu('and', R1, 0xffff);
  access.element(a, R0, low, R1, broken);
  a.alu('mul', R9, columns).alu('add', R9, R0);
  access.element(a, R0, cells, R9, broken);
}

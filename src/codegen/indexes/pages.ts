// The index of pages as code: three loads, each waiting for the one before.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R9 } from '../../bpf/instruction.ts';
import type { PagesIndex } from '../../classify/indexes/field-index.ts';
import { loadField } from '../key.ts';
import type { TableAccess } from '../table-access.ts';

export function emitPages(
  a: Assembler,
  { field, high, middle, low }: PagesIndex,
  access: TableAccess,
  broken: Label,
): void {
  loadField(a, R1, field);
  a.alu('rsh', R1, 16);
  access.element(a, R9, high, R1, broken);
  loadField(a, R1, field);
  a.alu('rsh', R1, 8).alu('and', R1, 0xff).alu('lsh', R9, 8).alu('add', R9, R1);
  access.element(a, R0, middle, R9, broken);
  loadField(a, R1, field);
  a.alu('and', R1, 0xff).alu('lsh', R0, 8).alu('add', R1, R0);
  access.element(a, R0, low, R1, broken);
}

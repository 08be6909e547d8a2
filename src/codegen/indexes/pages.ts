// The index of pages as code: three loads, each waiting for the one before.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R9 } from '../../bpf/instruction.ts';
import type { PagesIndex } from '../../classify/indexes/field-index.ts';
import { loadPiece } from '../key.ts';
import { rangeOf, type TableAccess } from '../table-access.ts';

export function emitPages(
  a: Assembler,
  { field, high, middle, low }: PagesIndex,
  access: TableAccess,
  broken: Label,
): void {
  loadPiece(a, R1, field, 2, 2);
  access.element(a, R9, high, R1, broken, 1 << 16);
  loadPiece(a, R1, field, 1, 1);
  a.alu('lsh', R9, 8).alu('add', R9, R1);
  access.element(a, R0, middle, R9, broken, rangeOf(high) << 8);
  loadPiece(a, R1, field, 0, 1);
  a.alu('lsh', R0, 8).alu('add', R1, R0);
  access.element(a, R0, low, R1, broken, rangeOf(middle) << 8);
}

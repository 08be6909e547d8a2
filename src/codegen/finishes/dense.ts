// The dense finish as code. The last lookup's class is the outcome's number; where that still depends on a costly field,
// the field is fetched now, and one more table gives the number. A hook that cannot fetch it defers such packets.

import type { Assembler } from '../../bpf/assembler.ts';
import { R0, R1, R9 } from '../../bpf/instruction.ts';
import type { DenseFinish } from '../../classify/classification.ts';
import type { SlotOutcomes } from '../../classify/finishes/slot-outcomes.ts';
import { indexedField } from '../../classify/indexes/field-index.ts';
import { VALUE_SHIFT } from '../../classify/outcomes.ts';
import { emitIndex } from '../indexes/emit-index.ts';
import { loadVariable, storeVariable } from '../table-access.ts';
import type { FinishContext } from './emit-finish.ts';

/** R0 = number of the outcome. Clobbers R1–R5 and R9. */
export function emitDense(a: Assembler, { cell, late }: DenseFinish, context: FinishContext): void {
  const { abi, access, undecided, inR0, scratch, fetchLate } = context;
  if (inR0 !== cell) loadVariable(a, R0, cell);
  if (late === undefined) return;
  const field = indexedField(late.index);
  if (fetchLate === undefined) {
    if (abi.undecided === 'drop') throw new Error(`codegen: this hook cannot fetch ${field} late`);
    a.jump('ge', R0, late.from, undecided);
    return;
  }
  const known = a.label('outcome is known');
  a.jump('lt', R0, late.from, known);
  a.alu('sub', R0, late.from).alu('mul', R0, late.columnCount);
  storeVariable(a, scratch, R0);
  fetchLate(a, field);
  emitIndex(a, late.index, access, undecided);
  loadVariable(a, R1, scratch);
  a.alu('add', R1, R0);
  access.element(a, R0, late.table, R1, undecided);
  a.bind(known);
}

/** R9 = the outcome word of the cell in R0, computed. Clobbers R0. */
export function emitSlotOutcome(a: Assembler, { apart, others }: SlotOutcomes): void {
  a.mov(R9, R0).alu('lsh', R9, VALUE_SHIFT).alu('add', R9, others);
  // A mask, which is all ones where the cell has 0. The verifier goes two ways from here, which are short.
  a.alu('sub', R0, 1)
    .alu('arsh', R0, 63)
    .alu('and', R0, apart - others)
    .alu('add', R9, R0);
}

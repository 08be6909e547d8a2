// How code reads tables and keeps classes: the contract of `indexes/` and `finishes/`.
//
// Emitters may clobber R0–R5 and R9, keep R6–R8 (see key.ts), and leave their result in R0, zero-extended. Classes that
// are needed later lie on the stack, eight bytes each, below everything that prologues use.

import type { Assembler, Label } from '../bpf/assembler.ts';
import { R10, type Register } from '../bpf/instruction.ts';
import type { Variable } from '../classify/components.ts';
import { roomOf, type TableRef } from '../classify/tables.ts';
import { KEY_OFFSET } from './key.ts';

/** The map whose only value holds all tables of a generation. */
export const TABLE_MAP = 'tables';

/** Prologues use 64 bytes below the key. */
export const VARIABLES = KEY_OFFSET - 64;

/** Stack offset of a variable. */
function variableOffset(variable: Variable): number {
  return VARIABLES - 8 * (variable + 1);
}

export function storeVariable(a: Assembler, variable: Variable, src: Register): void {
  a.store(8, R10, variableOffset(variable), src);
}

export function loadVariable(a: Assembler, dst: Register, variable: Variable): void {
  a.load(8, dst, R10, variableOffset(variable));
}

/** How table elements are reached. */
export interface TableAccess {
  /**
   * `dst` = element `index` of the table, zero-extended. Goes to `broken` where `index` is out of bounds, which no
   * table leads to; `range` is what the verifier knows the index to be below. Clobbers `index`; `dst` is another register.
   */
  element(a: Assembler, dst: Register, table: TableRef, index: Register, broken: Label, range?: number): void;
}

/**
 * Direct loads from the map's value, of `bytes` bytes: no call. Tables never lead out of bounds, and the verifier asks only
 * that nothing is read behind the value: an index is compared where it could come there, as far as the verifier knows. It
 * is compared with the room of its table, so that the code is the same when the table has an element more.
 */
export function directAccess(bytes: number): TableAccess {
  return {
    element(a, dst, table, index, broken, range = Number.POSITIVE_INFINITY) {
      const { offset, width } = table;
      if (offset + range * width > bytes) a.jump('ge', index, roomOf(table) / width, broken);
      if (width > 1) a.alu('lsh', index, Math.log2(width));
      a.loadMapValue(dst, TABLE_MAP, offset).alu('add', dst, index);
      a.load(width, dst, dst, 0);
    },
  };
}

/** What an element of a table is below, for all that the verifier knows. */
export function rangeOf({ width }: TableRef): number {
  return 256 ** width;
}

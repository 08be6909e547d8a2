// The index of a few runs as code: the class of the first run, and for each bound that the value reaches the difference
// to the next.

import type { Assembler } from '../../bpf/assembler.ts';
import { R0, R1, R2 } from '../../bpf/instruction.ts';
import type { BoundsIndex } from '../../classify/indexes/field-index.ts';
import { loadField } from '../key.ts';

export function emitBounds(a: Assembler, { field, bounds, classes }: BoundsIndex): void {
  a.mov(R0, classes[0]!);
  if (bounds.length === 0) return;
  loadField(a, R1, field);
  for (const [run, bound] of bounds.entries()) {
    // All ones where bound − 1 − value is negative.
    a.mov32(R2, bound - 1)
      .alu('sub', R2, R1)
      .alu('arsh', R2, 63)
      .alu('and', R2, classes[run + 1]! - classes[run]!);
    a.alu('add', R0, R2);
  }
}

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
    // 1 where bound − 1 − value is negative. Not a mask: the verifier goes two ways from one that meets a constant.
    a.mov32(R2, bound - 1)
      .alu('sub', R2, R1)
      .alu('rsh', R2, 63);
    const difference = classes[run + 1]! - classes[run]!;
    if (Math.abs(difference) > 1) a.alu('mul', R2, difference);
    a.alu(difference === -1 ? 'sub' : 'add', R0, R2);
  }
}

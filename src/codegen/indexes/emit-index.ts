// Any field's index as code.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import type { FieldIndex } from '../../classify/indexes/field-index.ts';
import type { TableAccess } from '../table-access.ts';
import { emitDirect } from './direct.ts';

/** R0 = class of the field's value, which the key holds. Clobbers R1–R5 and R9; goes to `broken` as `access` does. */
export function emitIndex(a: Assembler, index: FieldIndex, access: TableAccess, broken: Label): void {
  switch (index.kind) {
    case 'direct':
      emitDirect(a, index, access, broken);
      return;
  }
}

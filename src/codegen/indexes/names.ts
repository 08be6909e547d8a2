// Few device names as code: compares without branches, so that the verifier sees one class, not one for each way.

import { bytesOfName, comparedBytes } from '../../base/device-name.ts';
import type { Assembler } from '../../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R10 } from '../../bpf/instruction.ts';
import type { NamesIndex } from '../../classify/indexes/field-index.ts';
import { WIDE_OFFSET } from '../key.ts';

/** R1 and R2 hold the name's two words, R3 and R4 what differs from an entry's. */
export function emitNames(a: Assembler, { field, entries, other }: NamesIndex): void {
  a.mov(R0, other);
  const at = WIDE_OFFSET[field];
  if (entries.length > 0) a.load(8, R1, R10, at);
  if (entries.some((entry) => comparedBytes(entry) > 8)) a.load(8, R2, R10, at + 8);
  for (const entry of entries) {
    const length = comparedBytes(entry);
    const words = new BigUint64Array(new Uint8Array(bytesOfName(entry.name)).buffer);
    a.loadConstant(R3, words[0]!).alu('xor', R3, R1);
    // Bytes that do not count are shifted out.
    if (length < 8) a.alu('lsh', R3, 64 - 8 * length);
    if (length > 8) {
      a.loadConstant(R4, words[1]!).alu('xor', R4, R2);
      if (length < 16) a.alu('lsh', R4, 128 - 8 * length);
      a.alu('or', R3, R4);
    }
    // R4 all ones where R3 is not zero: then the class stays what it was.
    a.mov(R4, 0).alu('sub', R4, R3).alu('or', R4, R3).alu('arsh', R4, 63);
    a.mov(R5, entry.class).alu('sub', R0, R5).alu('and', R0, R4).alu('add', R0, R5);
  }
}

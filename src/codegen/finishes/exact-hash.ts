// A look-up in a hash of exact keys as code: two places at most, each a multiplication, a shift and a compare.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R1, R2, R3, type Register } from '../../bpf/instruction.ts';
import type { ExactHash } from '../../classify/finishes/exact-hash.ts';
import { TABLE_MAP } from '../table-access.ts';

/**
 * R3 = address of the key's entry; goes to `miss` where there is none, else on behind. The words of the key are in
 * `key`. Clobbers R1, and R2 for keys of two words.
 */
export function emitHashLookup(a: Assembler, hash: ExactHash, key: readonly Register[], miss: Label): void {
  const hit = a.label('hash hit');
  for (const [place, multipliers] of hash.multipliers.entries()) {
    const isLast = place === hash.multipliers.length - 1;
    a.loadConstant(R3, multipliers[0]!).alu('mul', R3, key[0]!);
    if (hash.keyWords === 2) a.loadConstant(R2, multipliers[1]!).alu('mul', R2, key[1]!).alu('xor', R3, R2);
    a.alu('rsh', R3, 64 - hash.bits).alu('lsh', R3, Math.log2(hash.entrySize));
    a.loadMapValue(R1, TABLE_MAP, hash.table.offset).alu('add', R3, R1);
    a.load(8, R1, R3, 0);
    if (hash.keyWords === 1) {
      if (isLast) a.jump('ne', R1, key[0]!, miss);
      else a.jump('eq', R1, key[0]!, hit);
      continue;
    }
    a.load(8, R2, R3, 8).alu('xor', R1, key[0]!).alu('xor', R2, key[1]!).alu('or', R1, R2);
    if (isLast) a.jump('ne', R1, 0, miss);
    else a.jump('eq', R1, 0, hit);
  }
  a.bind(hit);
}

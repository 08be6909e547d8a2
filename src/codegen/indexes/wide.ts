// The index of 128-bit values as code: the first 32 bits by nodes, then trees, part by part, level by level.
//
// A packet leaves the levels of a part as soon as its link leads elsewhere. Where the ways meet again, the link is an
// unknown 32-bit number on each of them, so the verifier follows one.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R2, R3, R10, type Register } from '../../bpf/instruction.ts';
import type { WideIndex } from '../../classify/indexes/field-index.ts';
import { TREE_BOUNDS, TREE_LINKS, TREE_NODE } from '../../classify/indexes/tree.ts';
import { WIDE_OFFSET } from '../key.ts';
import { TABLE_MAP, type TableAccess } from '../table-access.ts';
import { emitNodeSearch } from './nodes.ts';

export function emitWide(a: Assembler, { field, root, trees }: WideIndex, access: TableAccess, broken: Label): void {
  const at = WIDE_OFFSET[field];
  const { nodes, classCount, parts } = trees;
  if ('link' in root) a.mov32(R0, root.link);
  else emitNodeSearch(a, root, (dst) => loadPart(a, dst, at, 0), access, broken);
  for (const [part, { first, count, levels }] of parts.entries()) {
    if (levels === 0) continue;
    const next = a.label(`${nodes.name}, behind part ${part}`);
    loadPart(a, R1, at, part);
    a.alu('add', R1, 1);
    for (let level = 0; level < levels; level++) {
      // One unsigned compare: a class, or a node of a part before, becomes a large number.
      a.mov(R3, R0)
        .alu('sub', R3, classCount + first)
        .jump('ge', R3, count, next);
      a.alu('lsh', R3, Math.log2(TREE_NODE))
        .loadMapValue(R2, TABLE_MAP, nodes.offset + first * TREE_NODE)
        .alu('add', R3, R2);
      for (let bound = 0; bound < TREE_BOUNDS; bound++) {
        const difference = bound === 0 ? R0 : R2;
        a.load(8, difference, R3, 8 * bound)
          .alu('sub', difference, R1)
          .alu('rsh', difference, 63);
        if (bound > 0) a.alu('add', R0, R2);
      }
      a.alu('lsh', R0, 2).alu('add', R3, R0).load(4, R0, R3, TREE_LINKS);
    }
    a.bind(next);
  }
  a.jump('ge', R0, classCount, broken);
}

/** A part of the 16 bytes at `at`: the first 4, the next 6 or the last 6, in network order. Clobbers R2. */
function loadPart(a: Assembler, dst: Register, at: number, part: number): void {
  switch (part) {
    case 0:
      a.load(4, dst, R10, at).bigEndian(dst, 32);
      return;
    case 1:
      a.load(4, dst, R10, at + 4)
        .bigEndian(dst, 32)
        .alu('lsh', dst, 16);
      a.load(2, R2, R10, at + 8)
        .bigEndian(R2, 16)
        .alu('or', dst, R2);
      return;
    default:
      a.load(2, dst, R10, at + 10)
        .bigEndian(dst, 16)
        .alu('lsh', dst, 32);
      a.load(4, R2, R10, at + 12)
        .bigEndian(R2, 32)
        .alu('or', dst, R2);
  }
}

// The index of nodes as code.
//
// Addresses of tables are needed, so there is no form of it for targets that have only look-ups of elements.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, type Register } from '../../bpf/instruction.ts';
import type { NodesIndex, NodeTables } from '../../classify/indexes/field-index.ts';
import { NODE_BOUNDS, NODE_SIZE, SPAN_BASE, SPAN_LEVELS, SPAN_SHIFT, spanBit } from '../../classify/indexes/nodes.ts';
import { roomOf } from '../../classify/tables.ts';
import { loadField } from '../key.ts';
import { TABLE_MAP, type TableAccess } from '../table-access.ts';

export function emitNodes(a: Assembler, index: NodesIndex, access: TableAccess, broken: Label): void {
  emitNodeSearch(a, index, (dst) => loadField(a, dst, index.field), access, broken);
}

/** R0 = what the nodes say of the 32-bit value that `load` puts into a register, which it does not clobber others for. */
export function emitNodeSearch(
  a: Assembler,
  tables: NodeTables,
  load: (dst: Register) => void,
  access: TableAccess,
  broken: Label,
): void {
  const { shift, directory, spans, classWidth, nodes } = tables;
  const bit = spanBit(tables);
  const bounds = NODE_BOUNDS[classWidth];
  const node = a.label(nodes.name);
  load(R1);
  // In 32 bits: older verifiers forget what a value is at most when its bytes are swapped.
  a.alu32('rsh', R1, shift);
  access.element(a, R3, directory, R1, broken, 2 ** (32 - shift));
  for (let level = 0; level < SPAN_LEVELS; level++) {
    a.jump32('lt', R3, bit, node);
    a.alu32('and', R3, bit - 1);
    access.element(a, R4, spans, R3, broken);
    load(R1);
    a.mov(R5, R4).alu('rsh', R5, SPAN_SHIFT);
    a.alu('and', R1, 2 ** shift - 1)
      .alu('rsh', R1, R5)
      .alu('add', R1, R4)
      .alu('and', R1, SPAN_BASE);
    access.element(a, R3, directory, R1, broken);
  }
  a.bind(node);
  a.jump('ge', R3, roomOf(nodes) / NODE_SIZE, broken);
  a.alu('lsh', R3, Math.log2(NODE_SIZE)).loadMapValue(R2, TABLE_MAP, nodes.offset).alu('add', R3, R2);
  load(R1);
  a.alu('add', R1, 1);
  // How many bounds lie at or below the value: bound − (value + 1) is negative. Counted in three sums, which do not wait
  // for each other.
  const sums = [R0, R4, R5];
  for (let bound = 0; bound < bounds; bound++) {
    const sum = sums[bound % sums.length]!;
    const difference = bound < sums.length ? sum : R2;
    a.load(4, difference, R3, 4 * bound)
      .alu('sub', difference, R1)
      .alu('rsh', difference, 63);
    if (bound >= sums.length) a.alu('add', sum, R2);
  }
  a.alu('add', R0, R4).alu('add', R0, R5);
  a.alu('lsh', R0, Math.log2(classWidth))
    .alu('add', R3, R0)
    .load(classWidth, R0, R3, 4 * bounds);
}

// What code of indexes promises to the code around it, whatever the index.

import { describe, expect, it } from 'vitest';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { CLASS, type Instruction } from '../../../src/bpf/instruction.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { buildIndex } from '../../../src/classify/indexes/build-index.ts';
import { buildCross, crossShape } from '../../../src/classify/indexes/cross16.ts';
import type { FieldIndex } from '../../../src/classify/indexes/field-index.ts';
import { buildNames } from '../../../src/classify/indexes/names.ts';
import { buildPages, pagesShape } from '../../../src/classify/indexes/pages.ts';
import { buildWide } from '../../../src/classify/indexes/wide.ts';
import { TablePool } from '../../../src/classify/tables.ts';
import { emitIndex } from '../../../src/codegen/indexes/emit-index.ts';
import { directAccess, type TableAccess } from '../../../src/codegen/table-access.ts';
import { partitionOf, randomPrefixes, randomPrefixes6 } from '../classify/indexes/partitions.ts';

const pool = new TablePool();
const list = randomPrefixes(300);
const ports = partitionOf(Array.from({ length: 40 }, (_, i) => [i * 90, i]));
const names = ['br0', 'eth0', 'eth1', 'lo', 'veth+', 'wg0', 'wlan0', 'wlan1'].map((name, i) => ({
  name: name.replace('+', ''),
  prefix: name.endsWith('+'),
  class: i + 1,
}));
const namesOf = (count: number) => ({
  entries: [{ name: '', prefix: true, class: 0 }, ...names.slice(0, count)],
  classCount: count + 1,
});

const INDEXES: readonly FieldIndex[] = [
  buildIndex(
    'src',
    partitionOf([
      [0, 0],
      [5, 7],
      [0xc0000000, 1],
    ]),
    DEFAULT_BUDGET,
    pool,
  ),
  buildIndex('dport', ports, DEFAULT_BUDGET, pool),
  buildCross('src', list, crossShape(list, 1 << 24)!, pool),
  buildPages('dst', list, pagesShape(list, 1 << 24)!, pool),
  buildNames('inDevice', namesOf(3), pool),
  buildIndex('src', list, DEFAULT_BUDGET, pool),
  buildNames('outDevice', namesOf(8), pool),
  buildWide('src6', randomPrefixes6(10), pool),
  buildWide('dst6', randomPrefixes6(400), pool),
];
const cases = INDEXES.map((index) => ({ index, name: `${index.kind} of ${index.field}` }));

function emitted(index: FieldIndex, access: TableAccess): Instruction[] {
  const a = new Assembler();
  const broken = a.label('broken');
  emitIndex(a, index, access, broken);
  a.exit().bind(broken).exit();
  return a.finish().instructions;
}

describe('the code of an index', () => {
  it.each(cases)('keeps R6 to R8 and writes no memory: $name', ({ index }) => {
    for (const { opcode, dst } of emitted(index, directAccess(pool.bytes))) {
      const kind = opcode & 7;
      expect([CLASS.ST, CLASS.STX]).not.toContain(kind);
      const writes = kind === CLASS.LD || kind === CLASS.LDX || kind === CLASS.ALU || kind === CLASS.ALU64;
      if (writes) expect([6, 7, 8, 10]).not.toContain(dst);
    }
  });

  it('reads tables by look-ups of elements alone, but for nodes and trees', () => {
    const byElement: TableAccess = {
      element(a, dst) {
        a.mov(dst, 0);
      },
    };
    const addressing = cases.filter(({ index }) => emitted(index, byElement).some(({ map }) => map !== undefined));
    expect(addressing.map(({ index }) => index.kind)).toEqual(['nodes', 'wide', 'wide', 'wide']);
  });
});

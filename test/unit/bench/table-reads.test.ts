import { expect, test } from 'vitest';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { R0, R1, R2 } from '../../../src/bpf/instruction.ts';
import type { Image } from '../../../src/codegen/compile.ts';
import { TABLE_MAP } from '../../../src/codegen/table-access.ts';
import { tableReads } from '../../bench/table-reads.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';

/** Reads 64 bits of the tables, and 16 bits at the place that the frame's first byte says, in units of 64 bytes. */
function image(): Image {
  const a = new Assembler();
  const short = a.label('short');
  a.from({ file: 'x', line: 1, column: 1, text: 'x' });
  a.load(4, R2, R1, 0).load(4, R0, R1, 4).mov(R1, R2).alu('add', R1, 1).jump('gt', R1, R0, short);
  a.load(1, R2, R2, 0).alu('lsh', R2, 6);
  a.loadMapValue(R1, TABLE_MAP).load(8, R0, R1, 8).alu('add', R1, R2).load(2, R0, R1, 0);
  a.bind(short).mov(R0, 2).exit();
  const contents = new Uint8Array(1024);
  return {
    programs: [{ point: 'XDP', program: { name: 'x', type: 'xdp', ...a.finish() } }],
    maps: [{ name: TABLE_MAP, type: 'array', valueSize: 1024, maxEntries: 1, mmapable: false, contents }],
    manifest: { placement: 'xdp', capacity: 1, possibleCpus: 1, banks: [], tests: 0, lists: 0 },
  };
}

test('looks into the tables are counted, and the lines that they are in', () => {
  const frames = [0, 3, 3].map((first) => Uint8Array.from([first, 0]));
  const before = DataView.prototype.getUint16;
  expect(tableReads(image(), FEATURES, frames)).toEqual({ reads: 2, touched: 128 });
  expect(DataView.prototype.getUint16).toBe(before);
});

test('without tables nothing is read', () => {
  expect(tableReads({ ...image(), maps: [] }, FEATURES, [])).toEqual({ reads: 0, touched: 0 });
});

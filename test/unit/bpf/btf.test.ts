import { describe, expect, it } from 'vitest';
import { buildProgramDebug } from '../../../src/bpf/btf.ts';
import { BtfReader } from '../../../src/bpf/btf-reader.ts';
import type { Program } from '../../../src/bpf/image.ts';
import { BtfBlob } from '../../harness/btf-blob.ts';

const PROGRAM: Program = {
  name: 'r_input',
  type: 'netfilter',
  instructions: [],
  lines: [
    { instruction: 0, file: 'rules', line: 3, column: 1, text: '-A INPUT -j DROP' },
    { instruction: 7, file: 'rules', line: 5_000_000, column: 2000, text: '-A INPUT -j DROP' },
  ],
};

describe('debug information of a program', () => {
  const { btf, funcInfo, lineInfo } = buildProgramDebug(PROGRAM);

  it('names the function, which the reader finds', () => {
    const reader = new BtfReader(btf);
    expect(reader.functionId('r_input')).toBe(3);
    expect(reader.functionId('int')).toBeUndefined();
    expect([...new Uint32Array(funcInfo.buffer)]).toEqual([0, 3]);
  });

  it('gives each line its text and position, as far as the kernel has bits for it', () => {
    const words = [...new Uint32Array(lineInfo.buffer)];
    expect(words.map((w, i) => (i % 4 === 0 ? w : undefined)).filter((w) => w !== undefined)).toEqual([0, 7]);
    expect(words[3]).toBe((3 << 10) | 1);
    expect(words[7]).toBe(0xffffffff);
    const strings = Buffer.from(btf).subarray(24 + new DataView(btf.buffer, btf.byteOffset).getUint32(16, true));
    const at = (offset: number) => strings.subarray(offset, strings.indexOf(0, offset)).toString();
    expect([at(words[1]!), at(words[2]!)]).toEqual(['rules', '-A INPUT -j DROP']);
    expect(words[6]).toBe(words[2]); // equal strings are stored once
  });
});

describe('the reader', () => {
  it('refuses other bytes', () => {
    expect(() => new BtfReader(new Uint8Array(100))).toThrow('no magic number');
  });

  // struct outer { int first; const union { int left; struct { int a; int b; } pair; struct { int x; deep; }; }; int last; }
  it('finds members in anonymous members, behind qualifiers too', () => {
    const blob = new BtfBlob();
    const int = blob.type('int', 1, 0, 4, 32);
    const pair = blob.aggregate('', 'struct', 8, [
      ['a', int, 0],
      ['b', int, 32],
    ]);
    const inner = blob.aggregate('', 'struct', 8, [
      ['x', int, 0],
      ['deep', int, 32],
    ]);
    const union = blob.aggregate('', 'union', 8, [
      ['left', int, 0],
      ['pair', pair, 0],
      ['', inner, 0],
    ]);
    const qualified = blob.type('', 10, 0, union);
    const outer = blob.aggregate('outer', 'struct', 16, [
      ['first', int, 0],
      ['', qualified, 32],
      ['last', int, 96],
    ]);
    const reader = new BtfReader(blob.bytes());
    expect(reader.structId('outer')).toBe(outer);
    expect(reader.memberOffset('outer', 'first')).toBe(0);
    expect(reader.memberOffset('outer', 'left')).toBe(4);
    expect(reader.memberOffset('outer', 'deep')).toBe(8);
    expect(reader.memberOffset('outer', 'last')).toBe(12);
    expect(reader.memberOffset('outer', 'b')).toBeUndefined(); // of a named member
    expect(reader.memberOffset('inner', 'first')).toBeUndefined();
  });
});

// kernel: struct pair { int a; int b; }; struct kept { int x; }
// module: struct entry { int first; typedef pair; const struct pair named; }; struct kept { int y; int x; }; look()
describe('the types of a module', () => {
  const kernel = new BtfBlob();
  const int = kernel.type('int', 1, 0, 4, 32);
  const pair = kernel.aggregate('pair', 'struct', 8, [
    ['a', int, 0],
    ['b', int, 32],
  ]);
  kernel.aggregate('kept', 'struct', 4, [['x', int, 0]]);
  const prototype = kernel.type('', 13, 0, int);
  kernel.type('pass', 12, 0, prototype);
  const module = new BtfBlob(kernel);
  const alias = module.type(kernel.stringOf('pair'), 8, 0, pair);
  const entry = module.aggregate('entry', 'struct', 16, [
    ['first', int, 0],
    ['', alias, 32],
    [kernel.stringOf('b'), pair, 96],
  ]);
  module.aggregate('kept', 'struct', 8, [
    ['y', int, 0],
    ['x', int, 32],
  ]);
  const look = module.type('look', 12, 0, prototype);
  const base = new BtfReader(kernel.bytes());
  const reader = new BtfReader(module.bytes(), base);

  it('go on behind those of the kernel', () => {
    expect([alias, entry, look]).toEqual([6, 7, 9]);
    expect([reader.structId('entry'), reader.structSize('entry')]).toEqual([entry, 16]);
    expect(reader.functionId('look')).toBe(look);
    expect([base.structId('entry'), base.functionId('look')]).toEqual([undefined, undefined]);
  });

  it('name types and strings of the kernel', () => {
    expect(reader.memberOffset('entry', 'first')).toBe(0);
    expect(reader.memberOffset('entry', 'a')).toBe(4);
    // The one in `pair` comes first, and then a member that has its name.
    expect(reader.memberOffset('entry', 'b')).toBe(8);
    expect(reader.memberOffset('entry', 'x')).toBeUndefined();
  });

  it("come before the kernel's, which are found as well", () => {
    expect([reader.memberOffset('kept', 'x'), base.memberOffset('kept', 'x')]).toEqual([4, 0]);
    expect([reader.structId('pair'), reader.structSize('pair'), reader.memberOffset('pair', 'b')]).toEqual([
      pair,
      8,
      4,
    ]);
    expect(reader.functionId('pass')).toBe(5);
  });
});

import { expect, it } from 'vitest';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { decodeInstructions, encodeInstructions, modulesOf } from '../../../src/bpf/encode.ts';
import { R0, R1, R2, R7, R10 } from '../../../src/bpf/instruction.ts';

const DESCRIPTORS = new Map([
  ['state', 5],
  ['slots', 9],
]);

function hex(build: (a: Assembler) => void): string[] {
  const a = new Assembler();
  build(a);
  const bytes = encodeInstructions(a.finish().instructions, (name) => DESCRIPTORS.get(name)!);
  return Buffer.from(bytes).toString('hex').match(/.{16}/g)!;
}

// Bytes as RFC 9669 defines them: opcode, src << 4 | dst, offset, constant.
it.each<[string, (a: Assembler) => void, string[]]>([
  ['r0 = 1', (a) => a.mov(R0, 1), ['b700000001000000']],
  ['w1 += -1', (a) => a.alu32('add', R1, -1), ['04010000ffffffff']],
  ['r1 s>>= r2', (a) => a.alu('arsh', R1, R2), ['cf21000000000000']],
  ['r1 = be16 r1', (a) => a.bigEndian(R1, 16), ['dc01000010000000']],
  ['r1 = *(u32 *)(r10 - 8)', (a) => a.load(4, R1, R10, -8), ['61a1f8ff00000000']],
  ['*(u16 *)(r10 - 40) = 0', (a) => a.store(2, R10, -40, 0), ['6a0ad8ff00000000']],
  ['*(u8 *)(r10 - 41) = r1', (a) => a.store(1, R10, -41, R1), ['731ad7ff00000000']],
  ['lock *(u64 *)(r1 + 8) += r2', (a) => a.atomicAdd(8, R1, 8, R2), ['db21080000000000']],
  ['a 64-bit constant', (a) => a.loadConstant(R1, 0x0123456789abcdefn), ['18010000efcdab89', '0000000067452301']],
  ['a map', (a) => a.loadMap(R2, 'slots'), ['1812000009000000', '0000000000000000']],
  ['a place in a map value', (a) => a.loadMapValue(R7, 'state', 16), ['1827000005000000', '0000000010000000']],
  ['call 12', (a) => a.call(12), ['850000000c000000']],
  ['a kernel function', (a) => a.callKernel('bpf_dynptr_slice', 258), ['8520000002010000']],
  ['exit', (a) => a.exit(), ['9500000000000000']],
])('encodes %s', (_, build, expected) => {
  expect(hex(build)).toEqual(expected);
});

it('calls functions of modules by the place of the module among the types given', () => {
  const a = new Assembler();
  a.callKernel('bpf_rdonly_cast', 1).callKernel('bpf_xdp_ct_lookup', { id: 2, module: 'nf_conntrack' });
  a.callKernel('bpf_ct_release', { id: 3, module: 'other' }).callKernel('bpf_ct_release', {
    id: 4,
    module: 'nf_conntrack',
  });
  const { instructions } = a.exit().finish();
  expect(modulesOf(instructions)).toEqual(['nf_conntrack', 'other']);
  const view = new DataView(encodeInstructions(instructions, () => 0).buffer);
  expect([0, 1, 2, 3].map((index) => view.getInt16(8 * index + 2, true))).toEqual([0, 1, 2, 1]);
});

it('encodes comparisons with constants of the upper half as their bit pattern', () => {
  const bytes = hex((a) => {
    const next = a.label('next');
    a.jump32('le', R1, 0xffffffff, next).bind(next).exit();
  });
  expect(bytes[0]).toBe('b6010000ffffffff');
});

it('decodes what it encoded', () => {
  const a = new Assembler();
  const end = a.label('end');
  a.loadMapValue(R7, 'state', 16).loadMap(R2, 'slots').loadConstant(R1, -2n).load(1, R0, R7, -3);
  a.jump('slt', R0, R1, end).bind(end).exit();
  const { instructions } = a.finish();
  const bytes = encodeInstructions(instructions, (name) => DESCRIPTORS.get(name)!);
  const names = new Map([...DESCRIPTORS].map(([name, descriptor]) => [descriptor, name]));
  expect(decodeInstructions(bytes, (descriptor) => names.get(descriptor)!)).toEqual(instructions);
});

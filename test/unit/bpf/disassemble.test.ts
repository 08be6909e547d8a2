import { expect, it } from 'vitest';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { disassemble } from '../../../src/bpf/disassemble.ts';
import { R0, R1, R2, R3, R7, R10 } from '../../../src/bpf/instruction.ts';

it('lists instructions, labels and source lines', () => {
  const a = new Assembler();
  const yes = a.label('yes');
  const source = { file: 'rules', line: 1, column: 1 };
  a.from({ ...source, text: 'prologue' });
  a.loadMapValue(R7, 'state', 8).loadMap(R2, 'slots').loadConstant(R3, 0xffff000000000001n);
  a.load(4, R1, R10, -8).bigEndian(R1, 16).store(2, R10, -40, 0).store(8, R10, -64, R1);
  a.from({ ...source, line: 2, text: '-A INPUT -p tcp --dport 22 -j DROP' });
  a.jump32('eq', R1, 22, yes).jump('sgt', R1, R2, yes).jump('set', R1, -1, yes).goto(yes);
  a.alu32('and', R1, 0xffff).alu('arsh', R1, R2).mov32(R2, R1).alu('add', R10, -8);
  a.bind(yes).atomicAdd(8, R2, 0, R1).call(12).callKernel('bpf_dynptr_slice', 102).mov(R0, 0).exit();
  expect(disassemble({ name: 'p', type: 'xdp', ...a.finish() })).toBe(`\
; prologue
   0: r7 = map[state][0]+8
   2: r2 = map[slots]
   4: r3 = 0xffff000000000001
   6: r1 = *(u32 *)(r10 -8)
   7: r1 = be16 r1
   8: *(u16 *)(r10 -40) = 0
   9: *(u64 *)(r10 -64) = r1
; -A INPUT -p tcp --dport 22 -j DROP
  10: if w1 == 0x16 goto +7 <L18>
  11: if r1 s> r2 goto +6 <L18>
  12: if r1 & 0xffffffff goto +5 <L18>
  13: goto +4 <L18>
  14: w1 &= 65535
  15: r1 s>>= r2
  16: w2 = w1
  17: r10 += -8
L18:
  18: lock *(u64 *)(r2 +0) += r1
  19: call bpf_tail_call#12
  20: call bpf_dynptr_slice
  21: r0 = 0
  22: exit
`);
});

it('shows long jumps', () => {
  const a = new Assembler();
  const end = a.label('end');
  a.goto(end);
  for (let i = 0; i < 70000; i++) a.mov(R0, 0);
  a.bind(end).exit();
  const lines = disassemble({ name: 'p', type: 'xdp', ...a.finish() }).split('\n');
  expect(lines[0]).toBe('      0: gotol +70000 <L70001>');
  expect(lines.slice(-3)).toEqual(['L70001:', '  70001: exit', '']);
});

import { describe, expect, it } from 'vitest';
import { Assembler } from '../../../src/bpf/assembler.ts';
import type { Instruction } from '../../../src/bpf/instruction.ts';
import { R0, R1, R2 } from '../../../src/bpf/instruction.ts';

const GOTO = 0x05;
const GOTOL = 0x06;
const IF_EQUAL = 0x15;

/** Fills the program with `count` instructions that do nothing. */
function pad(a: Assembler, count: number): void {
  for (let i = 0; i < count; i++) a.mov(R0, 0);
}

const shape = ({ opcode, offset, imm }: Instruction) => ({ opcode, offset, imm });

describe('labels', () => {
  it('may be named before and after they are bound', () => {
    const a = new Assembler();
    const start = a.label('start');
    const end = a.label('end');
    a.bind(start).jump('eq', R1, 7, end).goto(start).bind(end).exit();
    const { instructions } = a.finish();
    expect(instructions.slice(0, 2).map(shape)).toEqual([
      { opcode: IF_EQUAL, offset: 1, imm: 7 },
      { opcode: GOTO, offset: -2, imm: 0 },
    ]);
  });

  it('must be bound, and only once', () => {
    const a = new Assembler();
    const lost = a.label('lost');
    a.goto(lost);
    expect(() => a.finish()).toThrow('label lost is never bound');
    a.bind(lost);
    expect(() => a.bind(lost)).toThrow('label lost is bound twice');
  });
});

describe('far jumps', () => {
  it('stay short at a distance of 32767', () => {
    const a = new Assembler();
    const end = a.label('end');
    a.jump('eq', R1, 7, end);
    pad(a, 32767);
    a.bind(end).exit();
    expect(shape(a.finish().instructions[0]!)).toEqual({ opcode: IF_EQUAL, offset: 32767, imm: 7 });
  });

  it('become a jump over a long jump when conditional', () => {
    const a = new Assembler();
    const end = a.label('end');
    a.jump('eq', R1, 7, end);
    pad(a, 32768);
    a.bind(end).exit();
    const { instructions } = a.finish();
    expect(instructions.length).toBe(3 + 32768 + 1);
    expect(instructions.slice(0, 3).map(shape)).toEqual([
      { opcode: IF_EQUAL, offset: 1, imm: 7 },
      { opcode: GOTO, offset: 1, imm: 0 },
      { opcode: GOTOL, offset: 0, imm: 32768 },
    ]);
  });

  it('become one long jump when unconditional', () => {
    const a = new Assembler();
    const end = a.label('end');
    a.goto(end);
    pad(a, 70000);
    a.bind(end).exit();
    expect(shape(a.finish().instructions[0]!)).toEqual({ opcode: GOTOL, offset: 0, imm: 70000 });
  });

  it('reach backwards', () => {
    const a = new Assembler();
    const start = a.label('start');
    a.bind(start);
    pad(a, 70000);
    a.jump('eq', R1, 7, start).goto(start);
    const { instructions } = a.finish();
    expect(instructions.slice(70000).map(shape)).toEqual([
      { opcode: IF_EQUAL, offset: 1, imm: 7 },
      { opcode: GOTO, offset: 1, imm: 0 },
      { opcode: GOTOL, offset: 0, imm: -70003 },
      { opcode: GOTOL, offset: 0, imm: -70004 },
    ]);
  });

  it('push others out of reach, which become long too, and move the source lines', () => {
    const a = new Assembler();
    const middle = a.label('middle');
    const end = a.label('end');
    a.goto(middle); // 32767 away until the next jump grows by two
    a.jump('eq', R1, 7, end);
    pad(a, 32766);
    a.bind(middle).from({ file: 'f', line: 3, column: 1, text: 'middle' }).mov(R2, 1);
    pad(a, 10);
    a.bind(end).exit();
    const { instructions, lines } = a.finish();
    expect(shape(instructions[0]!)).toEqual({ opcode: GOTOL, offset: 0, imm: 32769 });
    expect(shape(instructions[3]!)).toEqual({ opcode: GOTOL, offset: 0, imm: 32766 + 11 });
    expect(lines).toEqual([{ instruction: 32770, file: 'f', line: 3, column: 1, text: 'middle' }]);
    expect(instructions[32770]).toMatchObject({ dst: 2, imm: 1 });
  });
});

it('refuses an offset of more than 16 bits', () => {
  expect(() => new Assembler().load(4, R1, R2, 32768)).toThrow('does not fit');
});

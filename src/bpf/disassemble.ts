// A program as text, in bpftool's syntax, with its source lines and jump labels.
//
//   ; -A INPUT -p tcp --dport 22 -j DROP
//     12: w1 = *(u16 *)(r10 -38)
//     13: if w1 == 0x16 goto +1 <L15>

import { HELPER_NAMES } from './calls.ts';
import type { Program } from './image.ts';
import { ALU, CLASS, type Instruction, JUMP, LOAD_IMM64, MODE, PSEUDO, SIZE, SOURCE_REGISTER } from './instruction.ts';

const ALU_SIGN: Readonly<Record<number, string>> = {
  [ALU.add]: '+=',
  [ALU.sub]: '-=',
  [ALU.mul]: '*=',
  [ALU.div]: '/=',
  [ALU.or]: '|=',
  [ALU.and]: '&=',
  [ALU.lsh]: '<<=',
  [ALU.rsh]: '>>=',
  [ALU.mod]: '%=',
  [ALU.xor]: '^=',
  [ALU.mov]: '=',
  [ALU.arsh]: 's>>=',
};

const JUMP_SIGN: Readonly<Record<number, string>> = {
  [JUMP.eq]: '==',
  [JUMP.gt]: '>',
  [JUMP.ge]: '>=',
  [JUMP.set]: '&',
  [JUMP.ne]: '!=',
  [JUMP.sgt]: 's>',
  [JUMP.sge]: 's>=',
  [JUMP.lt]: '<',
  [JUMP.le]: '<=',
  [JUMP.slt]: 's<',
  [JUMP.sle]: 's<=',
};

const SIZE_NAME: Readonly<Record<number, string>> = {
  [SIZE[1]]: 'u8',
  [SIZE[2]]: 'u16',
  [SIZE[4]]: 'u32',
  [SIZE[8]]: 'u64',
};

/** Lists a program, one instruction per line, each with its index. */
export function disassemble(program: Program): string {
  const { instructions, lines } = program;
  const targets = new Set<number>();
  for (const [index, instruction] of instructions.entries()) {
    const target = jumpTarget(instruction, index);
    if (target !== undefined) targets.add(target);
  }
  const comments = new Map<number, string[]>();
  for (const { instruction, text } of lines) {
    comments.set(instruction, [...(comments.get(instruction) ?? []), `; ${text}`]);
  }
  const width = String(instructions.length).length + 2;
  const out: string[] = [];
  for (let index = 0; index < instructions.length; ) {
    const instruction = instructions[index]!;
    if (targets.has(index)) out.push(`L${index}:`);
    out.push(...(comments.get(index) ?? []));
    const target = jumpTarget(instruction, index);
    const label = target === undefined ? '' : ` <L${target}>`;
    out.push(`${String(index).padStart(width)}: ${formatInstruction(instruction, instructions[index + 1])}${label}`);
    index += instruction.opcode === LOAD_IMM64 ? 2 : 1;
  }
  return out.map((line) => `${line}\n`).join('');
}

function jumpTarget({ opcode, offset, imm }: Instruction, index: number): number | undefined {
  const code = opcode & 0xf0;
  const isJump = (opcode & 7) === CLASS.JMP || (opcode & 7) === CLASS.JMP32;
  if (!isJump || code === JUMP.call || code === JUMP.exit) return undefined;
  return index + 1 + (opcode === (CLASS.JMP32 | JUMP.always) ? imm : offset);
}

/** `second` is the element behind it, for the loads that take two. */
function formatInstruction(instruction: Instruction, second: Instruction | undefined): string {
  const { opcode, dst, src, offset, imm } = instruction;
  const size = SIZE_NAME[opcode & 0x18];
  switch (opcode & 7) {
    case CLASS.LD:
      return opcode === LOAD_IMM64 ? `r${dst} = ${wideValue(instruction, second)}` : unknown(opcode);
    case CLASS.LDX:
      return (opcode & 0xe0) === MODE.MEM ? `r${dst} = *(${size} *)(r${src} ${signed(offset)})` : unknown(opcode);
    case CLASS.ST:
      return `*(${size} *)(r${dst} ${signed(offset)}) = ${imm}`;
    case CLASS.STX: {
      const place = `*(${size} *)(r${dst} ${signed(offset)})`;
      if ((opcode & 0xe0) === MODE.MEM) return `${place} = r${src}`;
      return imm === ALU.add ? `lock ${place} += r${src}` : unknown(opcode);
    }
    case CLASS.ALU:
    case CLASS.ALU64:
      return formatArithmetic(instruction);
    default:
      return formatJump(instruction);
  }
}

function wideValue({ src, imm, map }: Instruction, second: Instruction | undefined): string {
  const upper = second?.imm ?? 0;
  if (map !== undefined) return src === PSEUDO.MAP_VALUE ? `map[${map}][0]${signed(upper)}` : `map[${map}]`;
  const value = (BigInt(upper >>> 0) << 32n) | BigInt(imm >>> 0);
  return `0x${value.toString(16)}`;
}

function formatArithmetic({ opcode, dst, src, imm }: Instruction): string {
  const code = opcode & 0xf0;
  const isWide = (opcode & 7) === CLASS.ALU64;
  const letter = isWide ? 'r' : 'w';
  const hasRegister = (opcode & SOURCE_REGISTER) !== 0;
  if (code === ALU.end) {
    const name = isWide ? 'bswap' : hasRegister ? 'be' : 'le';
    return `r${dst} = ${name}${imm} r${dst}`;
  }
  if (code === ALU.neg) return `${letter}${dst} = -${letter}${dst}`;
  const sign = ALU_SIGN[code];
  return sign === undefined ? unknown(opcode) : `${letter}${dst} ${sign} ${hasRegister ? `${letter}${src}` : imm}`;
}

function formatJump({ opcode, dst, src, offset, imm, function: kernelFunction }: Instruction): string {
  const code = opcode & 0xf0;
  const letter = (opcode & 7) === CLASS.JMP ? 'r' : 'w';
  if (code === JUMP.exit) return 'exit';
  if (code === JUMP.call) {
    return `call ${src === PSEUDO.KFUNC_CALL ? (kernelFunction ?? `kernel-function#${imm}`) : `${HELPER_NAMES[imm] ?? 'helper'}#${imm}`}`;
  }
  if (code === JUMP.always) return letter === 'r' ? `goto ${signed(offset)}` : `gotol ${signed(imm)}`;
  const sign = JUMP_SIGN[code];
  if (sign === undefined) return unknown(opcode);
  const operand = (opcode & SOURCE_REGISTER) === 0 ? `0x${(imm >>> 0).toString(16)}` : `${letter}${src}`;
  return `if ${letter}${dst} ${sign} ${operand} goto ${signed(offset)}`;
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function unknown(opcode: number): string {
  return `(unknown opcode 0x${opcode.toString(16)})`;
}

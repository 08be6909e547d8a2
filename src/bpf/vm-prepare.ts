// Decodes a program once for the virtual machine, into arrays that its loop reads by instruction index.
//
// A constant operand becomes a register of its own behind R10, so an operation has one form for both; a 64-bit
// immediate load becomes a move of such a register. The bit that tells the forms apart is cleared in the operation.

import { ARGUMENT_COUNT, type CallName, HELPER_NAMES } from './calls.ts';
import type { Program } from './image.ts';
import { ALU, CLASS, type Instruction, JUMP, LOAD_IMM64, MODE, PSEUDO, SOURCE_REGISTER } from './instruction.ts';

export interface PreparedProgram {
  readonly program: Program;
  /** Opcodes, without the bit for a register operand; `LOAD_MAP` for references to maps. */
  readonly operations: Uint8Array;
  readonly dst: Uint8Array;
  /** Register or constant, or the index into `maps` or `calls`. */
  readonly src: Uint16Array;
  /** Bytes from the address in a register; for jumps the instruction to go to; for byte swaps the number of bits. */
  readonly offsets: Int32Array;
  /** Bit n: register n must hold something before, and does after. */
  readonly reads: Uint16Array;
  readonly writes: Uint16Array;
  /** The register file: R0–R10, then constants. */
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
  /** The stack, and which of its bytes were written. With the registers: runs of one program cannot overlap. */
  readonly stack: Uint8Array;
  readonly stackKnown: Uint8Array;
  readonly maps: readonly { readonly name: string; readonly offset: number }[];
  readonly calls: readonly CallName[];
}

/** Operation of a map reference: a class LD opcode that we never emit. */
const LOAD_MAP = 0x20;
/** Operation of the second half of a 64-bit immediate load, which cannot be run. */
const SECOND_HALF = 0xff;

const STACK_SIZE = 512;
const REGISTERS = 11;
const FRAME_POINTER = 10;
const ADD_ATOMIC = [CLASS.STX | MODE.ATOMIC | 0x00, CLASS.STX | MODE.ATOMIC | 0x18];
const SWAPS = [CLASS.ALU | ALU.end, CLASS.ALU | ALU.end | SOURCE_REGISTER, CLASS.ALU64 | ALU.end];

/** Decodes a program; throws at an instruction that the machine does not know. */
export function prepare(program: Program): PreparedProgram {
  const decoder = new Decoder(program);
  for (let index = 0; index < program.instructions.length; ) index += decoder.decode(index);
  return decoder.finish();
}

class Decoder {
  private readonly program: Program;
  private readonly operations: Uint8Array;
  private readonly dst: Uint8Array;
  private readonly src: Uint16Array;
  private readonly offsets: Int32Array;
  private readonly reads: Uint16Array;
  private readonly writes: Uint16Array;
  private readonly constants = new Map<string, number>();
  private readonly hi: number[] = new Array<number>(REGISTERS).fill(0);
  private readonly lo: number[] = new Array<number>(REGISTERS).fill(0);
  private readonly maps: { name: string; offset: number }[] = [];
  private readonly calls: CallName[] = [];

  constructor(program: Program) {
    const count = program.instructions.length;
    this.program = program;
    this.operations = new Uint8Array(count);
    this.dst = new Uint8Array(count);
    this.src = new Uint16Array(count);
    this.offsets = new Int32Array(count);
    this.reads = new Uint16Array(count);
    this.writes = new Uint16Array(count);
  }

  /** Decodes one instruction and returns how many elements it takes. */
  decode(index: number): number {
    const instruction = this.program.instructions[index]!;
    const { opcode, dst, offset } = instruction;
    this.operations[index] = opcode;
    this.dst[index] = dst;
    this.offsets[index] = offset;
    switch (opcode & 7) {
      case CLASS.LD:
        return this.wideLoad(index, instruction);
      case CLASS.LDX:
        this.require((opcode & 0xe0) === MODE.MEM, index);
        this.source(index, instruction, true);
        this.write(index, dst);
        break;
      case CLASS.ST:
      case CLASS.STX: {
        const isAdd = ADD_ATOMIC.includes(opcode) && instruction.imm === ALU.add;
        this.require((opcode & 0xe0) === MODE.MEM || isAdd, index);
        this.source(index, instruction, (opcode & 7) === CLASS.STX);
        this.reads[index]! |= 1 << dst;
        this.operations[index] = opcode | 1;
        break;
      }
      case CLASS.ALU:
      case CLASS.ALU64:
        this.arithmetic(index, instruction);
        break;
      default:
        this.jump(index, instruction);
    }
    return 1;
  }

  finish(): PreparedProgram {
    const { program, operations, dst, src, offsets, reads, writes, maps, calls } = this;
    const hi = new Uint32Array(this.hi);
    const lo = new Uint32Array(this.lo);
    const stack = new Uint8Array(STACK_SIZE);
    const stackKnown = new Uint8Array(STACK_SIZE);
    return { program, operations, dst, src, offsets, reads, writes, hi, lo, stack, stackKnown, maps, calls };
  }

  private wideLoad(index: number, { opcode, dst, src, imm, map }: Instruction): number {
    const upper = this.program.instructions[index + 1];
    if (opcode !== LOAD_IMM64 || upper?.opcode !== 0) throw this.unknown(index);
    this.require(map === undefined ? src === 0 : src === PSEUDO.MAP_FD || src === PSEUDO.MAP_VALUE, index);
    this.write(index, dst);
    this.operations[index + 1] = SECOND_HALF;
    if (map === undefined) {
      this.src[index] = this.constant(upper.imm, imm);
    } else {
      this.operations[index] = LOAD_MAP;
      this.src[index] = this.maps.push({ name: map, offset: upper.imm }) - 1;
    }
    return 2;
  }

  private arithmetic(index: number, instruction: Instruction): void {
    const { opcode, dst, offset, imm } = instruction;
    const code = opcode & 0xf0;
    this.write(index, dst);
    if (code !== ALU.mov) this.reads[index] = 1 << dst;
    if (code === ALU.end) {
      this.require(SWAPS.includes(opcode) && (imm === 16 || imm === 32 || imm === 64), index);
      this.offsets[index] = imm;
      return;
    }
    // A nonzero offset makes signed divisions and sign-extending moves of these opcodes.
    this.require(code <= ALU.arsh && offset === 0, index);
    this.operations[index] = opcode & ~SOURCE_REGISTER;
    if (code !== ALU.neg) this.source(index, instruction, (opcode & SOURCE_REGISTER) !== 0);
  }

  private jump(index: number, instruction: Instruction): void {
    const { opcode, dst, offset, imm } = instruction;
    const code = opcode & 0xf0;
    const isWide = (opcode & 7) === CLASS.JMP;
    if (code === JUMP.call || code === JUMP.exit) {
      this.require(isWide && (opcode & SOURCE_REGISTER) === 0, index);
      if (code === JUMP.call) this.call(index, instruction);
      else this.reads[index] = 1;
      return;
    }
    this.require(code <= JUMP.sle, index);
    const isLong = !isWide && code === JUMP.always;
    const target = index + 1 + (isLong ? imm : offset);
    if (this.program.instructions[target] === undefined) throw this.unknown(index, `jump to ${target}`);
    this.offsets[index] = target;
    if (code === JUMP.always) return;
    this.operations[index] = opcode & ~SOURCE_REGISTER;
    this.source(index, instruction, (opcode & SOURCE_REGISTER) !== 0);
    this.reads[index]! |= 1 << dst;
  }

  private call(index: number, { src, imm, function: kernelFunction }: Instruction): void {
    const name = src === PSEUDO.KFUNC_CALL ? kernelFunction : src === 0 ? HELPER_NAMES[imm] : undefined;
    if (name === undefined) throw this.unknown(index, `call of ${imm}`);
    this.src[index] = this.calls.push(name) - 1;
    this.reads[index] = ((1 << ARGUMENT_COUNT[name]) - 1) << 1;
  }

  private source(index: number, { src, imm }: Instruction, isRegister: boolean): void {
    this.src[index] = isRegister ? src : this.constant(imm >> 31, imm);
    if (isRegister) this.reads[index]! |= 1 << src;
  }

  private write(index: number, dst: number): void {
    if (dst === FRAME_POINTER) throw this.unknown(index, 'write to r10');
    this.writes[index] = 1 << dst;
  }

  private constant(hi: number, lo: number): number {
    const key = `${hi >>> 0} ${lo >>> 0}`;
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const number = this.hi.push(hi) - 1;
    this.lo.push(lo);
    this.constants.set(key, number);
    if (number > 0xffff) throw new Error(`vm: ${this.program.name} has too many different constants`);
    return number;
  }

  private require(condition: boolean, index: number): void {
    if (!condition) throw this.unknown(index);
  }

  private unknown(index: number, what?: string): Error {
    const opcode = this.program.instructions[index]!.opcode.toString(16);
    return new Error(`vm: ${this.program.name}, instruction ${index}: ${what ?? `unknown opcode 0x${opcode}`}`);
  }
}

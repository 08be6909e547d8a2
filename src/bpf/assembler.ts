// The assembler: one method per instruction, jumps to labels, far jumps made long by themselves.
//
//   const a = new Assembler();
//   const drop = a.label('drop');
//   a.load(4, R2, R1, 12).jump('eq', R2, 0x0a000001, drop).mov(R0, 1).exit();
//   a.bind(drop).mov(R0, 0).exit();
//   const { instructions, lines } = a.finish();
//
// A conditional jump reaches 32 767 instructions. Where its label is farther, it becomes a jump over an unconditional
// long jump (`gotol`, kernel 6.6+); `finish` repeats this until every jump reaches.

import type { FunctionId, KernelFunction } from '../base/features.ts';
import type { SourceLine } from './image.ts';
import {
  ALU,
  type AluOperation,
  CLASS,
  type Comparison,
  type Instruction,
  JUMP,
  LOAD_IMM64,
  MODE,
  PSEUDO,
  type Register,
  SIZE,
  type Size,
  SOURCE_REGISTER,
} from './instruction.ts';

/** A place in the program that jumps may name before it is bound. */
export class Label {
  readonly name: string;
  /** Index into the unexpanded items, once bound. */
  position: number | undefined;
  /** Whether a jump names it. The kernel refuses code that nothing leads to. */
  isUsed = false;

  constructor(name: string) {
    this.name = name;
  }
}

/** A register or a signed 32-bit constant; unsigned constants up to 0xffffffff are taken as their bit pattern. */
export type Operand = Register | number;

interface Item {
  readonly instruction: Instruction;
  readonly target?: Label;
}

type Source = Omit<SourceLine, 'instruction'>;

const SHORT_JUMP = 0x7fff;

export interface AssemblerOptions {
  /** A register that nothing else uses, for constants on their way to memory, where the target cannot store them. */
  readonly storeConstantsBy?: Register;
}

export class Assembler {
  private readonly options: AssemblerOptions;
  private readonly items: Item[] = [];
  private readonly sources: { position: number; source: Source }[] = [];

  constructor(options: AssemblerOptions = {}) {
    this.options = options;
  }

  /** Makes a label to be bound later. */
  label(name: string): Label {
    return new Label(name);
  }

  /** Puts the label here. */
  bind(label: Label): this {
    if (label.position !== undefined) throw new Error(`assembler: label ${label.name} is bound twice`);
    label.position = this.items.length;
    return this;
  }

  /** The instructions that follow belong to this source line. */
  from(source: Source): this {
    const last = this.sources[this.sources.length - 1];
    if (last?.position === this.items.length) this.sources.pop();
    this.sources.push({ position: this.items.length, source });
    return this;
  }

  /** 64-bit `dst = operand`; a constant is sign-extended. */
  mov(dst: Register, operand: Operand): this {
    return this.operation(CLASS.ALU64, ALU.mov, dst, operand);
  }

  /** 32-bit `dst = operand`; the upper half becomes zero. */
  mov32(dst: Register, operand: Operand): this {
    return this.operation(CLASS.ALU, ALU.mov, dst, operand);
  }

  /** 64-bit `dst = dst op operand`. */
  alu(op: AluOperation, dst: Register, operand: Operand): this {
    return this.operation(CLASS.ALU64, ALU[op], dst, operand);
  }

  /** 32-bit `dst = dst op operand`; the upper half becomes zero. */
  alu32(op: AluOperation, dst: Register, operand: Operand): this {
    return this.operation(CLASS.ALU, ALU[op], dst, operand);
  }

  /** Turns the lower 16, 32 or 64 bits from network order into host order (or back) and clears the rest. */
  bigEndian(dst: Register, bits: 16 | 32 | 64): this {
    return this.emit(CLASS.ALU | ALU.end | SOURCE_REGISTER, dst.number, 0, 0, bits);
  }

  /** `dst = *(size *)(src + offset)`, zero-extended. */
  load(size: Size, dst: Register, src: Register, offset: number): this {
    return this.emit(CLASS.LDX | SIZE[size] | MODE.MEM, dst.number, src.number, offset, 0);
  }

  /** `*(size *)(dst + offset) = operand`. */
  store(size: Size, dst: Register, offset: number, operand: Operand): this {
    const { storeConstantsBy: register } = this.options;
    if (typeof operand === 'number' && register !== undefined) {
      return this.mov(register, operand).store(size, dst, offset, register);
    }
    return typeof operand === 'number'
      ? this.emit(CLASS.ST | SIZE[size] | MODE.MEM, dst.number, 0, offset, operand)
      : this.emit(CLASS.STX | SIZE[size] | MODE.MEM, dst.number, operand.number, offset, 0);
  }

  /** `*(size *)(dst + offset) += src`, atomically. */
  atomicAdd(size: 4 | 8, dst: Register, offset: number, src: Register): this {
    return this.emit(CLASS.STX | SIZE[size] | MODE.ATOMIC, dst.number, src.number, offset, ALU.add);
  }

  /** Loads a 64-bit constant. */
  loadConstant(dst: Register, value: bigint): this {
    const bits = BigInt.asUintN(64, value);
    this.emit(LOAD_IMM64, dst.number, 0, 0, Number(bits & 0xffffffffn));
    return this.emit(0, 0, 0, 0, Number(bits >> 32n));
  }

  /** Loads the address of a map, as helper calls want it. */
  loadMap(dst: Register, map: string): this {
    this.push({ opcode: LOAD_IMM64, dst: dst.number, src: PSEUDO.MAP_FD, offset: 0, imm: 0, map });
    return this.emit(0, 0, 0, 0, 0);
  }

  /** Loads the address of the byte at `offset` in the only value of an array map. */
  loadMapValue(dst: Register, map: string, offset = 0): this {
    this.push({ opcode: LOAD_IMM64, dst: dst.number, src: PSEUDO.MAP_VALUE, offset: 0, imm: 0, map });
    return this.emit(0, 0, 0, 0, offset);
  }

  /** Goes to the label. */
  goto(target: Label): this {
    return this.push({ opcode: CLASS.JMP | JUMP.always, dst: 0, src: 0, offset: 0, imm: 0 }, target);
  }

  /** Goes to the label if the 64-bit comparison holds; `set` asks for common bits. */
  jump(comparison: Comparison, dst: Register, operand: Operand, target: Label): this {
    return this.conditional(CLASS.JMP, comparison, dst, operand, target);
  }

  /** Goes to the label if the comparison of the lower halves holds. */
  jump32(comparison: Comparison, dst: Register, operand: Operand, target: Label): this {
    return this.conditional(CLASS.JMP32, comparison, dst, operand, target);
  }

  /** Calls a helper by number. */
  call(helper: number): this {
    return this.emit(CLASS.JMP | JUMP.call, 0, 0, 0, helper);
  }

  /** Calls a kernel function by its BTF id. */
  callKernel(name: KernelFunction, id: FunctionId): this {
    const where = typeof id === 'number' ? { imm: id } : { imm: id.id, module: id.module };
    return this.push({
      opcode: CLASS.JMP | JUMP.call,
      dst: 0,
      src: PSEUDO.KFUNC_CALL,
      offset: 0,
      ...where,
      function: name,
    });
  }

  exit(): this {
    return this.emit(CLASS.JMP | JUMP.exit, 0, 0, 0, 0);
  }

  /** Resolves all labels. Throws if one was never bound. */
  finish(): { instructions: Instruction[]; lines: SourceLine[] } {
    const long = new Set<number>();
    for (;;) {
      const starts = this.layOut(long);
      const before = long.size;
      for (const [index, item] of this.items.entries()) {
        if (item.target === undefined || long.has(index)) continue;
        if (Math.abs(starts[positionOf(item.target)]! - starts[index]! - 1) > SHORT_JUMP) long.add(index);
      }
      if (long.size === before) return this.encode(starts, long);
    }
  }

  /** Index of the first instruction of each item, and of the end. */
  private layOut(long: ReadonlySet<number>): number[] {
    const starts: number[] = [];
    let next = 0;
    for (const [index, item] of this.items.entries()) {
      starts.push(next);
      next += long.has(index) && isConditional(item.instruction) ? 3 : 1;
    }
    starts.push(next);
    return starts;
  }

  private encode(
    starts: readonly number[],
    long: ReadonlySet<number>,
  ): { instructions: Instruction[]; lines: SourceLine[] } {
    const instructions: Instruction[] = [];
    for (const [index, { instruction, target }] of this.items.entries()) {
      if (target === undefined) {
        instructions.push(instruction);
        continue;
      }
      const end = starts[positionOf(target)]!;
      if (!long.has(index)) {
        instructions.push({ ...instruction, offset: end - starts[index]! - 1 });
        continue;
      }
      if (isConditional(instruction)) {
        instructions.push({ ...instruction, offset: 1 });
        instructions.push({ opcode: CLASS.JMP | JUMP.always, dst: 0, src: 0, offset: 1, imm: 0 });
      }
      const distance = end - instructions.length - 1;
      instructions.push({ opcode: CLASS.JMP32 | JUMP.always, dst: 0, src: 0, offset: 0, imm: distance });
    }
    const lines = this.sources
      .filter(({ position }) => position < this.items.length)
      .map(({ position, source }) => ({ instruction: starts[position]!, ...source }));
    return { instructions, lines };
  }

  private conditional(klass: number, comparison: Comparison, dst: Register, operand: Operand, target: Label): this {
    const isConstant = typeof operand === 'number';
    const opcode = klass | JUMP[comparison] | (isConstant ? 0 : SOURCE_REGISTER);
    const src = isConstant ? 0 : operand.number;
    return this.push({ opcode, dst: dst.number, src, offset: 0, imm: isConstant ? operand | 0 : 0 }, target);
  }

  private operation(klass: number, code: number, dst: Register, operand: Operand): this {
    return typeof operand === 'number'
      ? this.emit(klass | code, dst.number, 0, 0, operand)
      : this.emit(klass | code | SOURCE_REGISTER, dst.number, operand.number, 0, 0);
  }

  private emit(opcode: number, dst: number, src: number, offset: number, imm: number): this {
    return this.push({ opcode, dst, src, offset, imm: imm | 0 });
  }

  private push(instruction: Instruction, target?: Label): this {
    if (instruction.offset !== (instruction.offset << 16) >> 16) {
      throw new Error(`assembler: offset ${instruction.offset} does not fit into 16 bits`);
    }
    if (target !== undefined) target.isUsed = true;
    this.items.push(target === undefined ? { instruction } : { instruction, target });
    return this;
  }
}

function isConditional(instruction: Instruction): boolean {
  return (instruction.opcode & 0xf0) !== JUMP.always;
}

function positionOf(label: Label): number {
  if (label.position === undefined) throw new Error(`assembler: label ${label.name} is never bound`);
  return label.position;
}

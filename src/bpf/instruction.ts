// The eBPF instruction set (RFC 9669; Documentation/bpf/standardization/instruction-set.rst), as far as we emit it.
//
//   struct bpf_insn:  opcode:8  dst:4 src:4  offset:16 (signed)  imm:32 (signed), little-endian, 8 bytes
//
// A 64-bit immediate load takes two elements of an instruction list, so an index into the list is a jump distance.

import type { KernelFunction } from '../base/features.ts';

/** A register: R0 result, R1–R5 arguments (lost over a call), R6–R9 kept over a call, R10 frame pointer (read only). */
export interface Register {
  readonly number: number;
}

const register = (number: number): Register => Object.freeze({ number });
export const R0 = register(0);
export const R1 = register(1);
export const R2 = register(2);
export const R3 = register(3);
export const R4 = register(4);
export const R5 = register(5);
export const R6 = register(6);
export const R7 = register(7);
export const R8 = register(8);
export const R9 = register(9);
export const R10 = register(10);

export const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;

/** Upper four bits of an arithmetic opcode. */
export const ALU = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  end: 0xd0,
} as const;
export type AluOperation = Exclude<keyof typeof ALU, 'neg' | 'end' | 'mov'>;

/** Upper four bits of a jump opcode. Comparisons are unsigned unless their name begins with `s`. */
export const JUMP = {
  always: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  call: 0x80,
  exit: 0x90,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const;
export type Comparison = Exclude<keyof typeof JUMP, 'always' | 'call' | 'exit'>;

/** Size bits of a load or store, by bytes. */
export const SIZE = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
export type Size = keyof typeof SIZE;

/** Mode bits of a load or store. */
export const MODE = { IMM: 0x00, MEM: 0x60, ATOMIC: 0xc0 } as const;

/** Bit 3 of an arithmetic or jump opcode: the operand is a register. */
export const SOURCE_REGISTER = 0x08;

/** Opcode of the first half of a 64-bit immediate load. */
export const LOAD_IMM64 = CLASS.LD | SIZE[8] | MODE.IMM;

/** What the source field of a 64-bit immediate load says of its value (`BPF_PSEUDO_*`, include/uapi/linux/bpf.h). */
export const PSEUDO = { MAP_FD: 1, MAP_VALUE: 2, KFUNC_CALL: 2 } as const;

export interface Instruction {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  /** Signed 16 bits. */
  readonly offset: number;
  /** Signed 32 bits. */
  readonly imm: number;
  /** Map whose descriptor the kernel edge puts into `imm`; on the first half of a 64-bit load. */
  readonly map?: string;
  /** Kernel function called; `imm` already holds its BTF id. For listings. */
  readonly function?: KernelFunction;
  /** Module that the function belongs to; the kernel edge puts the place of its types into `offset`. */
  readonly module?: string;
}

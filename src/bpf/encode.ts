// Instructions as the kernel's bytes: `struct bpf_insn`, little-endian, 8 bytes each.

import { type Instruction, LOAD_IMM64, PSEUDO } from './instruction.ts';

const INSTRUCTION_SIZE = 8;

/**
 * Modules whose functions a program calls. The kernel finds their types by descriptor in an array that goes with the program
 * (`fd_array`), and calls name their place there: the first module has place 1, as 0 stands for the kernel itself.
 */
export function modulesOf(instructions: readonly Instruction[]): readonly string[] {
  return [...new Set(instructions.flatMap(({ module }) => module ?? []))];
}

/** Encodes a program; `resolveMap` gives the descriptor of each map that it names. */
export function encodeInstructions(
  instructions: readonly Instruction[],
  resolveMap: (name: string) => number,
): Uint8Array {
  const modules = modulesOf(instructions);
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [index, { opcode, dst, src, offset, imm, map, module }] of instructions.entries()) {
    const at = index * INSTRUCTION_SIZE;
    view.setUint8(at, opcode);
    view.setUint8(at + 1, dst | (src << 4));
    view.setInt16(at + 2, module === undefined ? offset : 1 + modules.indexOf(module), true);
    view.setInt32(at + 4, map === undefined ? imm : resolveMap(map), true);
  }
  return bytes;
}

/** Decodes what the kernel is given or gives back; `mapName` gives the name of each map by its descriptor. */
export function decodeInstructions(bytes: Uint8Array, mapName: (descriptor: number) => string): Instruction[] {
  if (bytes.length % INSTRUCTION_SIZE !== 0) throw new Error(`decode: ${bytes.length} bytes are no instructions`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  let isSecondHalf = false;
  for (let at = 0; at < bytes.length; at += INSTRUCTION_SIZE) {
    const registers = view.getUint8(at + 1);
    const instruction: Instruction = {
      opcode: view.getUint8(at),
      dst: registers & 15,
      src: registers >> 4,
      offset: view.getInt16(at + 2, true),
      imm: view.getInt32(at + 4, true),
    };
    const isWide: boolean = !isSecondHalf && instruction.opcode === LOAD_IMM64;
    const isMap = isWide && (instruction.src === PSEUDO.MAP_FD || instruction.src === PSEUDO.MAP_VALUE);
    instructions.push(isMap ? { ...instruction, imm: 0, map: mapName(instruction.imm) } : instruction);
    isSecondHalf = isWide;
  }
  return instructions;
}

// What an offload target takes, as drivers and the kernel's documents tell: so much and no more of the instruction set.
//
// No such device was at hand: the list is meant to err on the safe side.

import type { MapDefinition, Program } from '../bpf/image.ts';
import { ALU, CLASS, type Instruction, JUMP, LOAD_IMM64, MODE, PSEUDO, SIZE } from '../bpf/instruction.ts';

/** Instructions of a program (BPF_MAXINSNS, include/uapi/linux/bpf_common.h). */
export const MOST_INSTRUCTIONS = 4096;
/** Bytes of a map's key and value together. */
const MOST_ENTRY_BYTES = 64;
const KEY_BYTES = 4;
const HELPERS = new Set([1 /* bpf_map_lookup_elem */]);

/** What a target would refuse, in words; empty where it would not. */
export function offloadViolations({ instructions }: Program, maps: readonly MapDefinition[]): string[] {
  const found = maps.flatMap(({ name, type, valueSize, mmapable }) => {
    const wrong: string[] = [];
    if (type !== 'array') wrong.push(`map ${name} is a ${type}`);
    if (valueSize + KEY_BYTES > MOST_ENTRY_BYTES) wrong.push(`elements of map ${name} have ${valueSize} bytes`);
    if (mmapable) wrong.push(`map ${name} is memory-mapped`);
    return wrong;
  });
  if (instructions.length > MOST_INSTRUCTIONS) found.push(`${instructions.length} instructions`);
  for (const [index, instruction] of instructions.entries()) {
    if (instructions[index - 1]?.opcode === LOAD_IMM64) continue;
    const wrong = violation(instruction);
    if (wrong !== undefined) found.push(`instruction ${index}: ${wrong}`);
  }
  return found;
}

function violation({ opcode, src, imm }: Instruction): string | undefined {
  const operation = opcode & 0xf0;
  switch (opcode & 7) {
    case CLASS.LD:
      return src === 0 || src === PSEUDO.MAP_FD ? undefined : 'the address of a map’s value';
    case CLASS.ST:
      return 'a store of a constant';
    case CLASS.STX:
      if ((opcode & 0xe0) !== MODE.ATOMIC) return undefined;
      return imm === ALU.add && (opcode & 0x18) === SIZE[8] ? undefined : 'an atomic operation other than an addition';
    case CLASS.ALU:
    case CLASS.ALU64:
      return operation === ALU.div || operation === ALU.mod ? 'a division' : undefined;
    case CLASS.JMP:
      if (operation !== JUMP.call) return undefined;
      return src === 0 && HELPERS.has(imm) ? undefined : 'a call of what is not there';
    case CLASS.JMP32:
      return operation === JUMP.always ? 'a long jump' : undefined;
    default:
      return undefined;
  }
}

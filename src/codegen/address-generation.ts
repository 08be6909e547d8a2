// Reads the word that XDP programs compare their local destinations by: no other way leads to it from user space.

import type { Family } from '../base/family.ts';
import { addressGenerationOf, type Features } from '../base/features.ts';
import { Assembler } from '../bpf/assembler.ts';
import type { Program } from '../bpf/image.ts';
import { R0, R1, R4, R6 } from '../bpf/instruction.ts';
import { emitDevicePointer, emitNetWord } from './xdp-frame.ts';

/** A program that returns a family's address generation of the namespace whose device it runs on. */
export function addressGenerationProgram(features: Features, family: Family): Program {
  const a = new Assembler();
  a.from({ file: 'bpfilter', line: 1, column: 1, text: 'address generation' });
  a.mov(R6, R1);
  emitDevicePointer(a, features, R4);
  emitNetWord(a, features, R4, addressGenerationOf(features, family));
  a.mov(R0, R1).exit();
  return { name: 'addr_gen', type: 'xdp', ...a.finish() };
}

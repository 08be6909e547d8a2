// Reads the word that XDP programs compare their local destinations by: no other way leads to it from user space.

import type { Family } from '../base/family.ts';
import { addressGenerationOf, type Features, requireFunction } from '../base/features.ts';
import { Assembler } from '../bpf/assembler.ts';
import type { Program } from '../bpf/image.ts';
import { R0 } from '../bpf/instruction.ts';

/** A program that returns a family's address generation of the namespace whose device it runs on. */
export function addressGenerationProgram(features: Features, family: Family): Program {
  const { layout } = features;
  const a = new Assembler();
  a.from({ file: 'bpfilter', line: 1, column: 1, text: 'address generation' });
  a.callKernel('bpf_cast_to_kern_ctx', requireFunction(features, 'bpf_cast_to_kern_ctx'));
  a.load(8, R0, R0, layout.xdpRxq).load(8, R0, R0, layout.rxqDevice);
  a.load(8, R0, R0, layout.deviceNet).load(4, R0, R0, addressGenerationOf(features, family)).exit();
  return { name: 'addr_gen', type: 'xdp', ...a.finish() };
}

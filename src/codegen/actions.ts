// Action lists as code: bump counters, then end with a verdict or go on with a test.

import type { Assembler } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R7, R8 } from '../bpf/instruction.ts';
import type { Slot } from '../graph/graph.ts';
import { areaSize, SLOT_SIZE } from './manifest.ts';

/** How a hook's programs count and what they return. Each prologue file has one. */
export interface HookAbi {
  readonly accept: number;
  readonly drop: number;
  /**
   * Whether counters are added to atomically. Netfilter hooks can be preempted and moved to another CPU, XDP programs
   * run with bottom halves off on the CPU whose area they write.
   */
  readonly atomic: boolean;
}

/** Adds one packet of R8 bytes to a slot of the area at R7. Clobbers R1–R3. */
export function emitCount(a: Assembler, abi: HookAbi, slot: Slot): void {
  a.mov(R1, R7).alu('add', R1, slot * SLOT_SIZE);
  if (abi.atomic) {
    a.mov(R2, 1).atomicAdd(8, R1, 0, R2).atomicAdd(8, R1, 8, R8);
    return;
  }
  a.load(8, R2, R1, 0).alu('add', R2, 1).store(8, R1, 0, R2);
  a.load(8, R3, R1, 8).alu('add', R3, R8).store(8, R1, 8, R3);
}

export function emitVerdict(a: Assembler, abi: HookAbi, verdict: 'accept' | 'drop'): void {
  a.mov(R0, abi[verdict]).exit();
}

/** Sets R7 to this CPU's counter area. Clobbers R0–R5. */
export function emitCounterArea(a: Assembler, map: string, possibleCpus: number, slots: number): void {
  const known = a.label('CPU is known');
  a.call(8 /* bpf_get_smp_processor_id */);
  a.jump('lt', R0, possibleCpus, known).mov(R0, 0);
  a.bind(known).alu('mul', R0, areaSize(slots));
  a.loadMapValue(R7, map).alu('add', R7, R0);
}

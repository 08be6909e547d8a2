// What programs do with a packet once it is judged: bump counters, and end with a verdict.

import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R7, R8, type Register } from '../bpf/instruction.ts';
import type { Slot } from '../graph/graph.ts';
import { areaSize, SLOT_SIZE } from './manifest.ts';

/** How a hook's programs count and what they return. Each prologue file has one. */
export interface HookAbi {
  /** Return value; that of a drop is one less. */
  readonly accept: number;
  readonly drop: number;
  /**
   * Whether counters are added to atomically. Netfilter hooks can be preempted and moved to another CPU, XDP programs
   * run with bottom halves off on the CPU whose area they write.
   */
  readonly atomic: boolean;
  /**
   * What becomes of packets that the hook cannot decide: `drop` drops them, and counts them as undecided beside what they
   * have been counted as so far; `defer` lets them pass on, counted nowhere, to a hook that judges them from the start.
   */
  readonly undecided: 'drop' | 'defer';
}

/** Adds one packet of R8 bytes to a slot of the area at R7. Clobbers R1–R3. */
export function emitCount(a: Assembler, abi: HookAbi, slot: Slot): void {
  a.mov(R1, R7).alu('add', R1, slot * SLOT_SIZE);
  emitAdd(a, abi, R1);
}

/**
 * The same for a slot in a register other than R2 and R3. Goes to `broken` where the area, of `slots` slots, has no such
 * slot. Clobbers the register, R2 and R3.
 */
export function emitCountSlot(a: Assembler, abi: HookAbi, slot: Register, slots: number, broken: Label): void {
  a.jump('ge', slot, slots, broken);
  a.alu('lsh', slot, Math.log2(SLOT_SIZE)).alu('add', slot, R7);
  emitAdd(a, abi, slot);
}

function emitAdd(a: Assembler, abi: HookAbi, counter: Register): void {
  if (abi.atomic) {
    a.mov(R2, 1).atomicAdd(8, counter, 0, R2).atomicAdd(8, counter, 8, R8);
    return;
  }
  a.load(8, R2, counter, 0).alu('add', R2, 1).store(8, counter, 0, R2);
  a.load(8, R3, counter, 8).alu('add', R3, R8).store(8, counter, 8, R3);
}

/** Ends a packet that the hook cannot decide. Clobbers R0–R3. */
export function emitUndecided(a: Assembler, abi: HookAbi, undecidedSlot: Slot): void {
  if (abi.undecided === 'drop') emitCount(a, abi, undecidedSlot);
  emitVerdict(a, abi, abi.undecided === 'drop' ? 'drop' : 'accept');
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

// What programs do with a packet once it is judged: bump counters, and end with a verdict.

import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R7, R8, R10, type Register } from '../bpf/instruction.ts';
import type { Slot } from '../graph/graph.ts';
import { KEY_OFFSET } from './key.ts';
import { areaSize, HEAD_SIZE, HELD, SLOT_SIZE } from './manifest.ts';

/** The map of which each slot is an element, where counters are looked up. */
export const SLOT_COUNTERS = 'cnt_slots';
/** Where the stack holds the index of a look-up. */
const LOOK_UP_KEY = KEY_OFFSET - 8;

/** How a hook's programs count and what they return. Each prologue file has one. */
export interface HookAbi {
  /** Return value; that of a drop is one less. */
  readonly accept: number;
  readonly drop: number;
  /**
   * How counters are bumped: `plain` in this CPU's area, by XDP programs, which run with bottom halves off on the CPU
   * whose area they write; `atomic` there, by netfilter hooks, which can be preempted and moved to another CPU;
   * `looked-up`, atomically too, in a map of which each slot is an element, where nothing else can be had.
   */
  readonly counting: 'plain' | 'atomic' | 'looked-up';
  /**
   * What becomes of packets that the hook cannot decide: `drop` drops them, and counts them as undecided beside what they
   * have been counted as so far; `defer` lets them pass on, counted nowhere, to a hook that judges them from the start.
   */
  readonly undecided: 'drop' | 'defer';
}

/** Adds one packet of R8 bytes to a slot of the area at R7. Clobbers R1–R3, and R0–R5 where slots are looked up. */
export function emitCount(a: Assembler, abi: HookAbi, slot: Slot): void {
  if (abi.counting === 'looked-up') {
    const missing = a.label('no such counter');
    a.mov(R1, slot);
    emitLookedUpAdd(a, R1, missing);
    a.bind(missing);
    return;
  }
  a.mov(R1, R7).alu('add', R1, slot * SLOT_SIZE);
  emitAdd(a, abi, R1);
}

/**
 * The same for a slot in a register other than R2 and R3. Goes to `broken` where the area, of `slots` slots, has no such
 * slot. Clobbers the register, R2 and R3, and R0–R5 where slots are looked up.
 */
export function emitCountSlot(a: Assembler, abi: HookAbi, slot: Register, slots: number, broken: Label): void {
  if (abi.counting === 'looked-up') {
    a.jump('ge', slot, slots, broken);
    emitLookedUpAdd(a, slot, broken);
    return;
  }
  a.alu('lsh', slot, Math.log2(SLOT_SIZE));
  emitCountAt(a, abi, slot, slots, broken);
}

/** The same for the place of a slot among the slots, in bytes. Areas are those of this CPU, not looked up. */
function emitCountAt(a: Assembler, abi: HookAbi, place: Register, slots: number, broken: Label): void {
  a.jump('gt', place, (slots - 1) * SLOT_SIZE, broken).alu('add', place, R7);
  emitAdd(a, abi, place);
}

/**
 * Counts a packet as the last one: where counting is plain, it is held in the area's head, and the one that was held there is
 * added to its slot. The place of that slot is known before anything is of this packet, so it can be fetched while the
 * tables are. Else the store's place waits for the packet, for the tables and for the slot, one after the other, and what a driver
 * locks behind the program seems to wait for the store: frames were dropped the faster (BENCHMARKS.md, veth). Clobbers `place`, another register than R2–R5, and those.
 */
export function emitCountLast(a: Assembler, abi: HookAbi, place: Register, slots: number, broken: Label): void {
  if (abi.counting !== 'plain') {
    emitCountAt(a, abi, place, slots, broken);
    return;
  }
  const last = (slots - 1) * SLOT_SIZE;
  a.jump('gt', place, last, broken).alu('add', place, HEAD_SIZE);
  a.load(8, R4, R7, HELD.place).load(8, R5, R7, HELD.bytes);
  // Whoever reads between this and the end misses a packet, and counts none twice.
  a.store(8, R7, HELD.place, place).store(8, R7, HELD.bytes, R8);
  a.jump('gt', R4, HEAD_SIZE + last, broken).alu('add', R4, R7);
  emitPlainAdd(a, R4, 0, R5);
}

function emitAdd(a: Assembler, abi: HookAbi, counter: Register): void {
  if (abi.counting === 'plain') {
    emitPlainAdd(a, counter, HEAD_SIZE, R8);
    return;
  }
  a.mov(R2, 1)
    .atomicAdd(8, counter, HEAD_SIZE, R2)
    .atomicAdd(8, counter, HEAD_SIZE + 8, R8);
}

function emitPlainAdd(a: Assembler, counter: Register, offset: number, bytes: Register): void {
  a.load(8, R2, counter, offset).alu('add', R2, 1).store(8, counter, offset, R2);
  a.load(8, R3, counter, offset + 8)
    .alu('add', R3, bytes)
    .store(8, counter, offset + 8, R3);
}

function emitLookedUpAdd(a: Assembler, slot: Register, missing: Label): void {
  emitLookUp(a, SLOT_COUNTERS, slot, missing);
  a.mov(R1, 1).atomicAdd(8, R0, 0, R1).atomicAdd(8, R0, 8, R8);
}

/** R0 = address of element `index` of an array map; goes to `missing` where there is none. Clobbers R1–R5. */
export function emitLookUp(a: Assembler, map: string, index: Register, missing: Label): void {
  a.store(4, R10, LOOK_UP_KEY, index);
  a.loadMap(R1, map).mov(R2, R10).alu('add', R2, LOOK_UP_KEY).call(1 /* bpf_map_lookup_elem */);
  a.jump('eq', R0, 0, missing);
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
  a.call(8 /* bpf_get_smp_processor_id */);
  // For the verifier: older kernels tell it nothing of the number.
  if (Number.isInteger(Math.log2(possibleCpus))) {
    a.alu('and', R0, possibleCpus - 1);
  } else {
    const known = a.label('CPU is known');
    a.jump('lt', R0, possibleCpus, known).mov(R0, 0).bind(known);
  }
  a.alu('mul', R0, areaSize(slots));
  a.loadMapValue(R7, map).alu('add', R7, R0);
}

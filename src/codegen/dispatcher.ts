// The dispatchers: what is attached to the kernel, once, and stays while rulesets come and go behind it.
//
// A namespace has one word, its generation. A dispatcher reads it and tail-calls one of the two slots of its hook, the
// one of the word's parity; a new ruleset is put into the other slot and goes live with one store. Both slot numbers
// are constants, so the JIT turns the tail call into a direct jump.
//
//   state map:   0  generation, 32 bits, written by user space alone      8  packets dropped at an empty slot, 64 bits
//   slot arrays: one per program type; hook h has slots 2h (even generations) and 2h + 1 (odd ones)
//
// Generation 0 means that nothing is enforced: accept. An empty slot in any other generation means that the kernel has
// taken the rules away (a program array empties itself with its last pin and descriptor): drop, and count it.

import type { FilterChain } from '../base/hooks.ts';
import { Assembler } from '../bpf/assembler.ts';
import type { MapDefinition, Program, ProgramType } from '../bpf/image.ts';
import { R0, R1, R2, R3, R6, R7 } from '../bpf/instruction.ts';
import { emitVerdict, type HookAbi } from './actions.ts';
import { NETFILTER_ABI } from './netfilter.ts';
import { XDP_ABI } from './xdp.ts';

/** Where a program of a generation is put and called from: a chain's netfilter hook, or XDP for both its chains. */
export type DispatchPoint = FilterChain | 'XDP';

/** Every point there is, with the number of its slot pair in the array of its program type. */
export const DISPATCH_POINTS: readonly { point: DispatchPoint; type: ProgramType; pair: number }[] = [
  { point: 'INPUT', type: 'netfilter', pair: 0 },
  { point: 'FORWARD', type: 'netfilter', pair: 1 },
  { point: 'OUTPUT', type: 'netfilter', pair: 2 },
  { point: 'XDP', type: 'xdp', pair: 0 },
];

/** Byte offsets in the state map's value. */
export const STATE = { generation: 0, emptySlotDrops: 8, size: 64 } as const;

export const STATE_MAP = 'state';
export const SLOT_MAPS: Readonly<Record<ProgramType, string>> = { netfilter: 'slots_nf', xdp: 'slots_xdp' };

/** The index in its slot array of a point's slot for a generation. */
export function slotIndex(pair: number, generation: number): number {
  return 2 * pair + (generation & 1);
}

/** The maps that all dispatchers of a namespace share. */
export function dispatcherMaps(): MapDefinition[] {
  const slots = (type: ProgramType): MapDefinition => {
    const pairs = DISPATCH_POINTS.filter((p) => p.type === type).length;
    return { name: SLOT_MAPS[type], type: 'program-array', valueSize: 4, maxEntries: 2 * pairs, mmapable: false };
  };
  return [
    { name: STATE_MAP, type: 'array', valueSize: STATE.size, maxEntries: 1, mmapable: true },
    slots('netfilter'),
    slots('xdp'),
  ];
}

/** The dispatcher of one point. */
export function dispatcherProgram(point: DispatchPoint): Program {
  const { type, pair } = DISPATCH_POINTS.find((p) => p.point === point)!;
  const abi: HookAbi = type === 'xdp' ? XDP_ABI : NETFILTER_ABI;
  const a = new Assembler();
  const off = a.label('nothing is enforced');
  const odd = a.label('odd generation');
  const empty = a.label('empty slot');
  a.from({ file: 'bpfilter', line: 1, column: 1, text: `dispatcher ${point}` });
  a.mov(R6, R1).loadMapValue(R7, STATE_MAP).load(4, R1, R7, STATE.generation);
  a.jump('eq', R1, 0, off).jump('set', R1, 1, odd);
  for (const parity of [0, 1]) {
    if (parity === 1) a.bind(odd);
    a.mov(R1, R6).loadMap(R2, SLOT_MAPS[type]).mov(R3, slotIndex(pair, parity)).call(12 /* bpf_tail_call */);
    if (parity === 0) a.goto(empty);
  }
  a.bind(empty).mov(R1, 1).atomicAdd(8, R7, STATE.emptySlotDrops, R1);
  emitVerdict(a, abi, 'drop');
  a.bind(off).mov(R0, abi.accept).exit();
  return { name: `d_${point.toLowerCase()}`, type, ...a.finish() };
}

/** A program for a point that a generation leaves alone: what it is shown goes on. */
export function passProgram(type: ProgramType): Program {
  const a = new Assembler();
  a.from({ file: 'bpfilter', line: 1, column: 1, text: 'not used by this generation' });
  emitVerdict(a, type === 'xdp' ? XDP_ABI : NETFILTER_ABI, 'accept');
  return { name: type === 'xdp' ? 'pass_xdp' : 'pass_nf', type, ...a.finish() };
}

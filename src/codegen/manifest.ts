// What a program image says about itself: how its counter map is laid out.
//
//   counter map value:   CPU 0                  CPU 1                  …      one map per program type ("bank")
//                        [head][slot 0][slot 1]…[head][slot 0][slot 1]…
//   slot:                packets:64 bytes:64
//   head:                of no use:128 place of a slot in the area:64 bytes:64 …, 64 bytes
//
// A CPU's area is a multiple of 64 bytes long, so that no two CPUs write to one cache line.
//
// XDP programs put a packet's slot and bytes into the head, and add the packet before it, which was there, to its slot
// (`emitCountLast`): whoever reads counters adds what the heads hold. An empty head holds a packet for the first of its own
// words, which nobody reads.

import type { EnforcingPlacement } from '../base/hooks.ts';
import type { ProgramType } from '../bpf/image.ts';

/** Bytes of one counter: packets and bytes, 64 bits each. */
export const SLOT_SIZE = 16;

/** Bytes in front of an area's slots. */
export const HEAD_SIZE = 64;
/** Where a head has the packet counted last: the place of its slot in the area, 0 if there is none, and its bytes. */
export const HELD = { place: 16, bytes: 24 } as const;

export interface Manifest {
  readonly placement: EnforcingPlacement;
  /** Number of slots. One more follows the last: packets that no rule could decide, which are dropped; at placement `exact`, in the
   * bank of XDP, packets that were dropped early. */
  readonly capacity: number;
  readonly possibleCpus: number;
  /** Counter maps by the program type that writes to them. */
  readonly banks: readonly { readonly type: ProgramType; readonly map: string }[];
  /** Areas begin with a head: those of the form for a card do not, nor did those of earlier versions. */
  readonly heads?: true;
  /** `net.ipv4.dev_addr_genid` that the programs compare; see `HostFacts`. */
  readonly addressGeneration?: number;
  /** The programs read connections: the kernel must track them. */
  readonly connections?: true;
  /** Which finish each hook's classifier chose, and its size. */
  readonly tests: number;
  readonly lists: number;
}

/** Bytes of one CPU's counter area, its head included. */
export function areaSize(slots: number): number {
  return HEAD_SIZE + slotsSize(slots);
}

/** Bytes of an area's slots, the one behind the last included. */
export function slotsSize(slots: number): number {
  return Math.ceil(((slots + 1) * SLOT_SIZE) / 64) * 64;
}

// What a program image says about itself: how its counter map is laid out.
//
//   counter map value:   CPU 0            CPU 1            …        one map per program type ("bank")
//                        [slot 0][slot 1]…[slot 0][slot 1]…
//   slot:                packets:64 bytes:64
//
// A CPU's area is a multiple of 64 bytes long, so that no two CPUs write to one cache line.

import type { EnforcingPlacement } from '../base/hooks.ts';
import type { ProgramType } from '../bpf/image.ts';

/** Bytes of one counter: packets and bytes, 64 bits each. */
export const SLOT_SIZE = 16;

export interface Manifest {
  readonly placement: EnforcingPlacement;
  /** Number of slots. One more follows the last: packets that no rule could decide, which are dropped; at placement `exact`, in the
   * bank of XDP, packets that were dropped early. */
  readonly capacity: number;
  readonly possibleCpus: number;
  /** Counter maps by the program type that writes to them. */
  readonly banks: readonly { readonly type: ProgramType; readonly map: string }[];
  /** `net.ipv4.dev_addr_genid` that the programs compare; see `HostFacts`. */
  readonly addressGeneration?: number;
  /** The programs read connections: the kernel must track them. */
  readonly connections?: true;
  /** Which finish each hook's classifier chose, and its size. */
  readonly tests: number;
  readonly lists: number;
}

/** Bytes of one CPU's counter area. */
export function areaSize(slots: number): number {
  return Math.ceil(((slots + 1) * SLOT_SIZE) / 64) * 64;
}

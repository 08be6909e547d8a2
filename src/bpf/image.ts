// A program image: everything the kernel is given, as plain data. The same input gives the same image, byte for byte.

import type { Instruction } from './instruction.ts';

export type ProgramType = 'xdp' | 'netfilter';

/** A line of the source that an instruction belongs to, for BTF line info. */
export interface SourceLine {
  /** Index of the first instruction it covers. */
  readonly instruction: number;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The text itself: a rule, or a stage's name. */
  readonly text: string;
}

export interface MapDefinition {
  /** What instructions call it by; the kernel sees `ipb_` and this, so at most 11 characters. */
  readonly name: string;
  readonly type: 'array' | 'program-array';
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly mmapable: boolean;
  /** Programs may only read it; user space still writes. Absent: they may write too. */
  readonly readOnly?: boolean;
  /** Contents of the values, from the first on, one behind the other; the rest is zero. */
  readonly contents?: Uint8Array;
}

export interface Program {
  /** As in `MapDefinition`. */
  readonly name: string;
  readonly type: ProgramType;
  /** Map references are symbolic: `mapName` of a 64-bit immediate load. */
  readonly instructions: readonly Instruction[];
  readonly lines: readonly SourceLine[];
}

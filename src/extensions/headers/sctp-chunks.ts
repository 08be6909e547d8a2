// The chunks of SCTP (RFC 9260) by name, and lists of them: `DATA:Be,INIT`.

import { ValueError, type ValueType } from '../extension.ts';
import { asciiUpper } from '../values/choice.ts';

/** In the order of iptables; the flags of the chunk are named from the highest bit, `-` where there is none. */
const CHUNKS: readonly (readonly [name: string, type: number, flags?: string])[] = [
  ['DATA', 0, '----IUBE'],
  ['INIT', 1],
  ['INIT_ACK', 2],
  ['SACK', 3],
  ['HEARTBEAT', 4],
  ['HEARTBEAT_ACK', 5],
  ['ABORT', 6, '-------T'],
  ['SHUTDOWN', 7],
  ['SHUTDOWN_ACK', 8],
  ['ERROR', 9],
  ['COOKIE_ECHO', 10],
  ['COOKIE_ACK', 11],
  ['ECN_ECNE', 12],
  ['ECN_CWR', 13],
  ['SHUTDOWN_COMPLETE', 14, '-------T'],
  ['I_DATA', 64, '----IUBE'],
  ['RE_CONFIG', 130],
  ['PAD', 132],
  ['ASCONF', 193],
  ['ASCONF_ACK', 128],
  ['FORWARD_TSN', 192],
  ['I_FORWARD_TSN', 194],
];

const NO_FLAGS = '--------';

/** Chunks with flags that one match has room for (XT_NUM_SCTP_FLAGS in include/uapi/linux/netfilter/xt_sctp.h). */
const MOST_FLAGS = 4;

/** A chunk of this type, of which the flags under the mask must be as set. */
export interface ChunkFlags {
  readonly type: number;
  readonly mask: number;
  readonly set: number;
}

export interface ChunkList {
  /** By number, in order. */
  readonly types: readonly number[] | 'all';
  /** In the order in which they were named. */
  readonly flags: readonly ChunkFlags[];
}

export const chunkList: ValueType<ChunkList> = {
  placeholder: 'ALL|NONE|chunk[:flags],…',
  parse(text) {
    if (asciiUpper(text) === 'ALL') return { types: 'all', flags: [] };
    if (asciiUpper(text) === 'NONE') return { types: [], flags: [] };
    const types = new Set<number>();
    const flags = new Map<number, ChunkFlags>();
    for (const item of text.split(',').filter((each) => each !== '')) {
      const colon = item.indexOf(':');
      const name = colon < 0 ? item : item.slice(0, colon);
      const index = CHUNKS.findIndex(([known]) => known === asciiUpper(name));
      if (index < 0) throw new ValueError(`Unknown sctp chunk \`${name}'`);
      types.add(CHUNKS[index]![1]);
      if (colon >= 0) readFlags(item.slice(colon + 1), index, flags);
    }
    // iptables tells the kernel the place of the chunk in its list instead of the type. Up to 14 that is the same;
    // from there on it is a type that is not asked for, so that such flags count for nothing.
    const counting = [...flags.entries()].filter(([index]) => CHUNKS[index]![1] === index);
    return { types: [...types].sort((a, b) => a - b), flags: counting.map(([, each]) => each) };
  },
};

/** Upper case for a flag that is set, lower case for one that is not. */
function readFlags(text: string, index: number, flags: Map<number, ChunkFlags>): void {
  const [, type, names = NO_FLAGS] = CHUNKS[index]!;
  for (const letter of text) {
    const place = names.indexOf(asciiUpper(letter));
    if (place < 0) throw new ValueError(`Invalid flags for chunk type ${index}`);
    const before = flags.get(index);
    if (before === undefined && flags.size === MOST_FLAGS) {
      throw new ValueError(
        'Number of chunk types with flags exceeds currently allowed limit. Increasing this limit involves changing ' +
          'IPT_NUM_SCTP_FLAGS and recompiling both the kernel space and user space modules',
      );
    }
    const bit = 0x80 >> place;
    const set = /[A-Z]/.test(letter) ? bit : 0;
    flags.set(index, { type, mask: (before?.mask ?? 0) | bit, set: (before?.set ?? 0) | set });
  }
}

/** `DATA:Be,INIT`; with numbers instead of names for -n. */
export function chunkListText({ types, flags }: ChunkList, numeric = false): string {
  if (types === 'all') return 'ALL';
  if (types.length === 0) return 'NONE';
  return types
    .map((type) => {
      const chunk = CHUNKS.find(([, known]) => known === type)!;
      const shown = numeric ? `0x${type.toString(16).toUpperCase().padStart(4, '0')}` : chunk[0];
      const condition = flags.find((each) => each.type === type);
      return condition === undefined ? shown : `${shown}:${flagLetters(condition, chunk[2] ?? NO_FLAGS)}`;
    })
    .join(',');
}

function flagLetters({ mask, set }: ChunkFlags, names: string): string {
  return [...names]
    .map((letter, place) => {
      const bit = 0x80 >> place;
      if ((mask & bit) === 0) return '';
      return set & bit ? letter : letter.toLowerCase();
    })
    .join('');
}

// The flow cache: outcome words of the packets that came last, in front of a segment that takes long to look up.
//
//   map value:  CPU 0              CPU 1              …
//               [entry 0][entry 1]…[entry 0][entry 1]…     2^12 entries a CPU, each where its key's hash says
//   entry:      key:64 × words   word:32 segment:32        32 or 64 bytes; segment is its number and 1, 0 where empty
//
// A key is all fields that the segment asks for, whole, so what is found is exact: equal fields lead to equal outcomes. The
// map belongs to one generation of rules, and begins empty. Packets of other fields overwrite an entry. Only programs that
// stay on their CPU until they are done may have one: XDP programs, but not on PREEMPT_RT. Segments in which decisions
// count and go on, or a field is found late, have none: an outcome word does not say it all.

import { FIELD_MAXIMUM, type NumericField } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import type { MapDefinition } from '../bpf/image.ts';
import { R0, R1, R2, R3, R9, R10, type Register } from '../bpf/instruction.ts';
import type { Classification, TableSegment } from '../classify/classification.ts';
import type { TuplePart } from '../classify/finishes/tuples.ts';
import { indexedField } from '../classify/indexes/field-index.ts';
import { isWide, loadField, WIDE_OFFSET } from './key.ts';
import { loadVariable, storeVariable } from './table-access.ts';

/** `auto`: in front of segments where it pays. */
export type FlowCacheChoice = 'on' | 'off' | 'auto';

/** Where the flow caches of a program are. */
export interface FlowCaches {
  readonly possibleCpus: number;
  /** Bytes of an entry. */
  readonly entrySize: 32 | 64;
  /** The key of each segment that has a cache, by number. */
  readonly keys: ReadonlyMap<number, FlowKey>;
}

/** What each 64-bit word of a key is made of: fields, each at its shift, or the eight bytes at an offset of a wide one. */
type FlowKey = readonly (readonly KeyPart[])[];

type KeyPart =
  | { readonly field: NumericField; readonly shift: number }
  | { readonly wide: keyof typeof WIDE_OFFSET; readonly offset: 0 | 8 };

/** The map that holds the entries. */
export const FLOW_MAP = 'flows';
/** Four times as many would find a few more flows, and take so much of the nearest caches that others wait the longer. */
const ENTRY_BITS = 12;
/** Words of a key for which an entry fits into a cache line. */
const MOST_WORDS = 7;
/** Entries of a hash, as a power of two, from which on `auto` takes a cache. */
const WORTHWHILE_BITS = 12;
/** One for each word of a key: odd, and otherwise random. */
const MULTIPLIERS = [
  0x9e3779b97f4a7c15n,
  0xbf58476d1ce4e5b9n,
  0x94d049bb133111ebn,
  0xd6e8feb86659fd93n,
  0xff51afd7ed558ccdn,
  0xc4ceb9fe1a85ec53n,
  0xa0761d6478bd642fn,
] as const;

/** The flow caches for some segments of a program, or nothing where none has one. */
export function flowCachesOf(
  { segments }: Classification,
  order: readonly number[],
  choice: FlowCacheChoice,
  possibleCpus: number,
): FlowCaches | undefined {
  const keys = new Map<number, FlowKey>();
  for (const number of order) {
    const segment = segments[number]!;
    if (segment.finish === 'linear' || !isCacheable(segment, choice)) continue;
    const key = keyOf(segment);
    if (key.length <= MOST_WORDS) keys.set(number, key);
  }
  if (keys.size === 0) return undefined;
  const most = Math.max(...[...keys.values()].map((key) => key.length));
  return { possibleCpus, entrySize: most <= 3 ? 32 : 64, keys };
}

/** The map that has the entries; what can be memory-mapped begins at a page, and so do its cache lines. */
export function flowMap({ possibleCpus, entrySize }: FlowCaches): MapDefinition {
  const valueSize = possibleCpus * entrySize * 2 ** ENTRY_BITS;
  return { name: FLOW_MAP, type: 'array', valueSize, maxEntries: 1, mmapable: true };
}

function isCacheable({ result }: TableSegment, choice: FlowCacheChoice): boolean {
  if (choice === 'off' || result.kind !== 'tuples' || result.late !== undefined) return false;
  if (isUsed(result.goingOn)) return false;
  return choice === 'on' || (result.ending.hash?.bits ?? 0) >= WORTHWHILE_BITS;
}

function isUsed({ alone, tuples }: TuplePart): boolean {
  return [...alone.masks, ...tuples.masks].some((mask) => mask !== 0n);
}

/** All fields that the segment's lookups ask for: numbers packed, the widest first. */
function keyOf({ lookups }: TableSegment): FlowKey {
  const fields = new Set(lookups.flatMap((lookup) => (lookup.kind === 'index' ? [indexedField(lookup.index)] : [])));
  const words: KeyPart[][] = [];
  const numbers = [...fields].filter((field): field is NumericField => !isWide(field));
  let used = 64;
  for (const field of numbers.sort((a, b) => widthOf(b) - widthOf(a))) {
    if (used + widthOf(field) > 64) {
      words.push([]);
      used = 0;
    }
    words.at(-1)!.push({ field, shift: used });
    used += widthOf(field);
  }
  for (const field of fields) {
    if (isWide(field)) for (const offset of [0, 8] as const) words.push([{ wide: field, offset }]);
  }
  return words;
}

function widthOf(field: NumericField): number {
  return 32 - Math.clz32(FIELD_MAXIMUM[field]);
}

/**
 * Looks the packet up. Goes to `hit` with its outcome word in R9 if it is there; otherwise goes on, and leaves on the stack,
 * from `scratch` on, what `emitFlowInsert` needs. Clobbers R0–R5 and R9.
 */
export function emitFlowLookup(a: Assembler, caches: FlowCaches, number: number, scratch: number, hit: Label): void {
  const { possibleCpus, entrySize } = caches;
  const key = caches.keys.get(number)!;
  const known = a.label('CPU is known');
  const miss = a.label('not in the flow cache');
  a.call(8 /* bpf_get_smp_processor_id */);
  a.jump('lt', R0, possibleCpus, known).mov(R0, 0).bind(known);
  a.mov(R9, R0).alu('lsh', R9, ENTRY_BITS + Math.log2(entrySize));
  for (const [word, parts] of key.entries()) {
    emitKeyWord(a, R1, R2, parts);
    storeVariable(a, scratch + 1 + word, R1);
    a.loadConstant(R2, MULTIPLIERS[word]!).alu('mul', R1, R2);
    if (word === 0) a.mov(R0, R1);
    else a.alu('xor', R0, R1);
  }
  a.alu('rsh', R0, 64 - ENTRY_BITS)
    .alu('lsh', R0, Math.log2(entrySize))
    .alu('add', R0, R9);
  a.loadMapValue(R3, FLOW_MAP).alu('add', R3, R0);
  storeVariable(a, scratch, R3);
  // All differences are collected before the one jump.
  a.load(4, R0, R3, 8 * key.length + 4).alu('xor', R0, number + 1);
  for (const word of key.keys()) {
    loadVariable(a, R1, scratch + 1 + word);
    a.load(8, R2, R3, 8 * word)
      .alu('xor', R1, R2)
      .alu('or', R0, R1);
  }
  a.jump('ne', R0, 0, miss)
    .load(4, R9, R3, 8 * key.length)
    .goto(hit);
  a.bind(miss);
}

/** Puts the packet's outcome word, which is in R9, where it was looked for. Clobbers R1–R3. */
export function emitFlowInsert(a: Assembler, caches: FlowCaches, number: number, scratch: number): void {
  const key = caches.keys.get(number)!;
  loadVariable(a, R3, scratch);
  for (const word of key.keys()) {
    loadVariable(a, R1, scratch + 1 + word);
    a.store(8, R3, 8 * word, R1);
  }
  a.store(4, R3, 8 * key.length, R9).store(4, R3, 8 * key.length + 4, number + 1);
}

/** `to` = a word of the packet's key. */
function emitKeyWord(a: Assembler, to: Register, scratch: Register, parts: readonly KeyPart[]): void {
  for (const [index, part] of parts.entries()) {
    if ('wide' in part) {
      a.load(8, to, R10, WIDE_OFFSET[part.wide] + part.offset);
      continue;
    }
    const into = index === 0 ? to : scratch;
    loadField(a, into, part.field);
    if (part.shift > 0) a.alu('lsh', into, part.shift);
    if (index > 0) a.alu('or', to, scratch);
  }
}

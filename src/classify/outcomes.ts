// Outcome words: an action list in 32 bits, as generated code reads it from the tables.
//
//   bits 0–2   the end: accept 0, drop 1, undecided 2, exits next 3, call 4, return 5
//   bit 3      0: one counter, its slot in bits 4–31
//              1: any number of counters; bits 4–31 are the place in the counter pool of their number, and the slots
//                 follow it

import type { ActionList } from './classification.ts';

export const END_CODES = { accept: 0, drop: 1, undecided: 2, next: 3, call: 4, return: 5 } as const;
export const END_MASK = 7;
export const MANY = 8;
export const VALUE_SHIFT = 4;

/** The word of one counter, or of none where the slot is −1, before an end of decision lists (`END`). */
export function outcomeWord(slot: number, end: number): number {
  const code = -1 - end;
  return slot < 0 ? MANY | code : ((slot << VALUE_SHIFT) | code) >>> 0;
}

/** Where lists go, by the codes of ends. */
export const ENDS: readonly ActionList['then'][] = [
  { kind: 'accept' },
  { kind: 'drop' },
  { kind: 'undecided' },
  { kind: 'exit', exit: 'next' },
  { kind: 'exit', exit: 'call' },
  { kind: 'exit', exit: 'return' },
];

/** What a word of one counter or none says. */
export function readOutcomeWord(word: number): ActionList {
  const value = word >>> VALUE_SHIFT;
  if ((word & MANY) !== 0 && value !== 0) throw new Error(`outcome word ${word} has its counters in the pool`);
  const then = ENDS[word & END_MASK]!;
  return { counters: (word & MANY) === 0 ? [value] : [], then };
}

/** Makes outcome words; the counters of lists that do not have exactly one go to a pool that all segments share. */
export class OutcomeWords {
  private readonly pool: number[] = [0];
  private readonly places = new Map<string, number>([['', 0]]);

  /** The word of a list. Lists of a table segment never go on with a test. */
  word({ counters, then }: ActionList): number {
    if (then.kind === 'segment') throw new Error('a list of a table segment leaves by an exit');
    const end = END_CODES[then.kind === 'exit' ? then.exit : then.kind];
    if (counters.length === 1) return ((counters[0]! << VALUE_SHIFT) | end) >>> 0;
    return ((this.place(counters) << VALUE_SHIFT) | MANY | end) >>> 0;
  }

  /** The pool, 32 bits an element. */
  finish(): Uint32Array {
    return Uint32Array.from(this.pool);
  }

  private place(counters: readonly number[]): number {
    const key = counters.join();
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const place = this.pool.length;
    this.pool.push(counters.length, ...counters);
    this.places.set(key, place);
    return place;
  }
}

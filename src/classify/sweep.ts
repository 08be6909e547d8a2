// From intervals of numbers to runs of equal class: a walk over the ends of the intervals that keeps the set of those it
// is in.

import { NumberSets } from './number-sets.ts';
import { sortedOrder } from './radix.ts';

/** Intervals of numbers of 32 bits, ends included, each of a predicate. Those of one predicate do not touch. */
export interface Intervals {
  readonly count: number;
  readonly lows: Uint32Array;
  readonly highs: Uint32Array;
  readonly predicates: Int32Array;
}

export interface Runs {
  /** First number of each run, ascending from 0. */
  readonly starts: Uint32Array;
  /** Class of each run, numbered as they come; neighbours differ. */
  readonly classes: Uint32Array;
  /** Per class its predicates. */
  readonly sets: NumberSets;
}

/** The runs of 0…`maximum`; `undefined` where the sets have more than `limit` predicates, or the walk meets many times more. */
export function sweep(intervals: Intervals, maximum: number, limit: number): Runs | undefined {
  const { count, lows, highs, predicates } = intervals;
  const byLow = sortedOrder([lows], count);
  const byHigh = sortedOrder([highs], count);
  const starts = new Uint32Array(2 * count + 1);
  const classes = new Uint32Array(2 * count + 1);
  const sets = new NumberSets(Math.min(2 * count, limit));
  const walkLimit = 4 * limit + 16 * count;
  let active = new Int32Array(64);
  let size = 0;
  let runs = 0;
  let walked = 0;
  let entering = 0;
  let leaving = 0;
  for (let at = 0; at <= maximum; ) {
    while (leaving < count && highs[byHigh[leaving]!]! < at)
      size = remove(active, size, predicates[byHigh[leaving++]!]!);
    for (; entering < count && lows[byLow[entering]!]! === at; entering++) {
      if (size === active.length) active = doubled(active);
      size = insert(active, size, predicates[byLow[entering]!]!);
    }
    walked += size;
    if (walked > walkLimit) return undefined;
    starts[runs] = at;
    classes[runs++] = sets.number(active, size);
    if (sets.total > limit) return undefined;
    const nextLow = entering < count ? lows[byLow[entering]!]! : maximum + 1;
    const nextHigh = leaving < count ? highs[byHigh[leaving]!]! + 1 : maximum + 1;
    at = Math.min(nextLow, nextHigh);
  }
  return { starts: starts.subarray(0, runs), classes: classes.subarray(0, runs), sets };
}

function insert(set: Int32Array, size: number, element: number): number {
  let place = size;
  for (; place > 0 && set[place - 1]! > element; place--) set[place] = set[place - 1]!;
  set[place] = element;
  return size + 1;
}

function remove(set: Int32Array, size: number, element: number): number {
  let place = size - 1;
  while (set[place] !== element) place--;
  set.copyWithin(place, place + 1, size);
  return size - 1;
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(array.length * 2);
  longer.set(array);
  return longer;
}

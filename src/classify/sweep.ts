// From intervals of numbers to runs of equal class: a walk over the ends of the intervals that keeps the set of those it
// is in.

import { NumberSets } from './number-sets.ts';
import type { Pruner } from './prune.ts';
import { sortedOrder } from './radix.ts';
import { withRoom } from './room.ts';

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

/**
 * The runs of 0…`maximum`; `undefined` where the sets have more than `limit` predicates, or the walk meets many times
 * more. With a pruner, sets are without what cannot matter, and the walk does not meet it.
 */
export function sweep(intervals: Intervals, maximum: number, limit: number, pruner?: Pruner): Runs | undefined {
  const { count, lows, highs, predicates } = intervals;
  const byLow = sortedOrder([lows], count);
  const byHigh = sortedOrder([highs], count);
  const starts = new Uint32Array(2 * count + 1);
  const classes = new Uint32Array(2 * count + 1);
  const sets = new NumberSets(Math.min(2 * count, limit));
  const walkLimit = 4 * limit + 16 * count;
  const active = new ActiveSet(pruner);
  let runs = 0;
  let walked = 0;
  let entering = 0;
  let leaving = 0;
  for (let at = 0; at <= maximum; ) {
    while (leaving < count && highs[byHigh[leaving]!]! < at) active.remove(predicates[byHigh[leaving++]!]!);
    while (entering < count && lows[byLow[entering]!]! === at) active.insert(predicates[byLow[entering++]!]!);
    const size = active.gather();
    walked += size;
    if (walked > walkLimit) return undefined;
    const number = sets.number(active.gathered, size);
    if (sets.total > limit) return undefined;
    if (runs === 0 || classes[runs - 1] !== number) {
      starts[runs] = at;
      classes[runs++] = number;
    }
    const nextLow = entering < count ? lows[byLow[entering]!]! : maximum + 1;
    const nextHigh = leaving < count ? highs[byHigh[leaving]!]! + 1 : maximum + 1;
    at = Math.min(nextLow, nextHigh);
  }
  return { starts: starts.subarray(0, runs), classes: classes.subarray(0, runs), sets };
}

/** The predicates that hold where the walk is, in the order of their numbers, or in that of a pruner. */
class ActiveSet {
  /** The first predicates of the set that matter, ascending, once they are gathered. */
  gathered = new Int32Array(64);
  private readonly pruner: Pruner | undefined;
  private members = new Int32Array(64);
  private size = 0;

  constructor(pruner: Pruner | undefined) {
    this.pruner = pruner;
  }

  insert(predicate: number): void {
    this.members = withRoom(this.members, this.size + 1);
    const { members, size } = this;
    const place = this.placeOf(predicate);
    if (place < size) members.copyWithin(place + 1, place, size);
    members[place] = predicate;
    this.size++;
  }

  remove(predicate: number): void {
    const place = this.placeOf(predicate);
    this.members.copyWithin(place, place + 1, this.size);
    this.size--;
  }

  /** How many predicates matter; they are in `gathered`. */
  gather(): number {
    const { pruner, members, size } = this;
    if (pruner === undefined) {
      this.gathered = members;
      return size;
    }
    const { first, last } = pruner;
    if (this.gathered.length < size) this.gathered = new Int32Array(2 * size);
    let least = first.length;
    let count = 0;
    for (; count < size && first[members[count]!]! <= least; count++) {
      const predicate = members[count]!;
      least = Math.min(least, last[predicate]!);
      this.gathered[count] = predicate;
    }
    this.gathered.subarray(0, count).sort();
    return count;
  }

  /** Where the predicate is, or belongs. */
  private placeOf(predicate: number): number {
    const { members } = this;
    const ranks = this.pruner?.first;
    const rank = ranks === undefined ? predicate : ranks[predicate]!;
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = members[middle]!;
      if ((ranks === undefined ? other : ranks[other]!) < rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

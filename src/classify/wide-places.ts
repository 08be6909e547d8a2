// Values of 128 bits as numbers: their places among the bounds of all conditions.

import type { WideField } from '../base/predicate.ts';
import { WIDE_MAXIMUM, type WideIntervalSet } from '../base/wide-intervals.ts';
import type { Places } from './classes.ts';
import { wideSet } from './conditions.ts';
import type { Condition } from './decision-list.ts';
import { sortedOrder } from './radix.ts';

/** The places of a field's conditions; nothing where one is a mask with holes. */
export function widePlaces(field: WideField, conditions: readonly Condition[]): Places | undefined {
  const sets: WideIntervalSet[] = [];
  for (const condition of conditions) {
    const set = wideSet(condition);
    if (set === undefined) return undefined;
    sets.push(set);
  }
  const count = sets.reduce((sum, set) => sum + set.length, 0);
  // Bound 0 is the value 0; of each interval follow the first value in it, and the first behind it.
  const bounds = new Bounds(2 * count + 1);
  const predicates = new Int32Array(count);
  const isLast = new Uint8Array(count);
  bounds.add(0n);
  let number = 0;
  for (let i = 0; i < sets.length; i++) {
    for (const { low, high } of sets[i]!) {
      bounds.add(low);
      bounds.add(high === WIDE_MAXIMUM ? low : high + 1n);
      isLast[number] = high === WIDE_MAXIMUM ? 1 : 0;
      predicates[number++] = i + 1;
    }
  }
  const { places, values } = bounds.places();
  const maximum = values.length / 4 - 1;
  const lows = new Uint32Array(count);
  const highs = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    lows[i] = places[2 * i + 1]!;
    highs[i] = isLast[i] === 1 ? maximum : places[2 * i + 2]! - 1;
  }
  return {
    maximum,
    intervals: { count, lows, highs, predicates },
    partition: ({ starts: runs, classes, sets: { count: classCount } }) => {
      const starts = new Uint32Array(4 * runs.length);
      for (let i = 0; i < runs.length; i++) starts.set(values.subarray(4 * runs[i]!, 4 * runs[i]! + 4), 4 * i);
      return { kind: 'wide', field, runs: { starts, classes, classCount } };
    },
  };
}

/** Values in four words each, the lowest first. */
class Bounds {
  private readonly words: readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  private readonly halves = new BigUint64Array(2);
  private readonly quarters = new Uint32Array(this.halves.buffer);
  private count = 0;

  constructor(most: number) {
    this.words = [new Uint32Array(most), new Uint32Array(most), new Uint32Array(most), new Uint32Array(most)];
  }

  add(value: bigint): void {
    this.halves[0] = value;
    this.halves[1] = value >> 64n;
    for (let word = 0; word < 4; word++) this.words[word]![this.count] = this.quarters[word]!;
    this.count++;
  }

  /** The place of each value among all that are different, and these in order, four words each, the uppermost first. */
  places(): { readonly places: Uint32Array; readonly values: Uint32Array } {
    const { words, count } = this;
    const order = sortedOrder(words, count);
    const places = new Uint32Array(count);
    const values = new Uint32Array(4 * count);
    let last = -1;
    for (let i = 0; i < count; i++) {
      const bound = order[i]!;
      if (last < 0 || words.some((word, n) => word[bound] !== values[4 * last + 3 - n])) {
        last++;
        for (let n = 0; n < 4; n++) values[4 * last + 3 - n] = words[n]![bound]!;
      }
      places[bound] = last;
    }
    return { places, values: values.subarray(0, 4 * (last + 1)) };
  }
}

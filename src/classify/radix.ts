// Sorting by numeric keys of one or more words, in linear time: boundaries of intervals, pairs of predicates.

/** Bits that are sorted by at a time. */
const DIGIT = 8;
const MASK = (1 << DIGIT) - 1;

/**
 * The order of `length` keys, smallest first, equal ones as they came. A key's words lie in as many arrays, the least
 * significant first.
 */
export function sortedOrder(words: readonly (Uint32Array | Int32Array)[], length: number): Uint32Array {
  let order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  let other = new Uint32Array(length);
  const counts = new Uint32Array(1 << DIGIT);
  for (const { buffer, byteOffset } of words) {
    // One kind of array, whatever it was: the loops are compiled for it.
    const word = new Int32Array(buffer, byteOffset, length);
    let differing = 0;
    for (let i = 1; i < length; i++) differing |= word[i]! ^ word[0]!;
    for (let shift = 0; shift < 32; shift += DIGIT) {
      if (((differing >>> shift) & MASK) === 0) continue;
      counts.fill(0);
      for (let i = 0; i < length; i++) counts[(word[i]! >>> shift) & MASK]!++;
      let place = 0;
      for (let digit = 0; digit <= MASK; digit++) {
        const count = counts[digit]!;
        counts[digit] = place;
        place += count;
      }
      for (let i = 0; i < length; i++) {
        const key = order[i]!;
        other[counts[(word[key]! >>> shift) & MASK]!++] = key;
      }
      [order, other] = [other, order];
    }
  }
  return order;
}

// Sorting by numeric keys of one or more words, in linear time: boundaries of intervals, pairs of predicates.

/**
 * The order of `length` keys, smallest first, equal ones as they came. A key's words lie in as many arrays, the least
 * significant first.
 */
export function sortedOrder(words: readonly (Uint32Array | Int32Array)[], length: number): Uint32Array {
  let order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  let other = new Uint32Array(length);
  const counts = new Uint32Array(256);
  for (const word of words) {
    for (let shift = 0; shift < 32; shift += 8) {
      counts.fill(0);
      for (let i = 0; i < length; i++) counts[(word[i]! >>> shift) & 0xff]!++;
      // All keys agree in this byte.
      if (length === 0 || counts[(word[0]! >>> shift) & 0xff] === length) continue;
      let place = 0;
      for (let byte = 0; byte < 256; byte++) {
        const count = counts[byte]!;
        counts[byte] = place;
        place += count;
      }
      for (let i = 0; i < length; i++) {
        const key = order[i]!;
        other[counts[(word[key]! >>> shift) & 0xff]!++] = key;
      }
      [order, other] = [other, order];
    }
  }
  return order;
}

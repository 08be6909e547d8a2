// What two versions of a list have in common, where a few elements came or went in between.

/** How many elements two lists have in common at their beginning, and behind that at their end: the same objects. */
export function commonEnds<T>(
  before: readonly T[],
  after: readonly T[],
): { readonly front: number; readonly back: number } {
  const most = Math.min(before.length, after.length);
  if (before === after) return { front: most, back: 0 };
  let front = 0;
  while (front < most && before[front] === after[front]) front++;
  let back = 0;
  while (back < most - front && before[before.length - 1 - back] === after[after.length - 1 - back]) back++;
  return { front, back };
}

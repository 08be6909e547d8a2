// What shrinking leaves out of a list.

/** The list without its halves, quarters, … down to single elements. */
export function* withoutSlices<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let size = list.length; size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < list.length; start += size) yield list.toSpliced(start, size);
  }
}

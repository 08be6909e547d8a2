// Sets of unsigned integers as sorted, disjoint, non-adjacent closed intervals.
//
// The form is canonical: two equal sets have equal arrays, so a set can be hashed by its printed form.

/** A closed interval: both ends belong to it. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Sorted, disjoint, non-adjacent; empty for the empty set. */
export type IntervalSet = readonly Interval[];

/** The set of all values between `low` and `high`, both included; empty if `low > high`. */
export function interval(low: number, high: number = low): IntervalSet {
  return low > high ? [] : [{ low, high }];
}

/** Brings any list of intervals into canonical form. */
export function normalize(intervals: readonly Interval[]): IntervalSet {
  const sorted = intervals.filter((i) => i.low <= i.high).sort((a, b) => a.low - b.low);
  const result: Interval[] = [];
  for (const next of sorted) {
    const last = result[result.length - 1];
    if (last !== undefined && next.low <= last.high + 1) {
      if (next.high > last.high) result[result.length - 1] = { low: last.low, high: next.high };
    } else {
      result.push(next);
    }
  }
  return result;
}

/** All values in either set. */
export function union(a: IntervalSet, b: IntervalSet): IntervalSet {
  return normalize([...a, ...b]);
}

/** All values of 0…`maximum` that are not in `set`. */
export function complement(set: IntervalSet, maximum: number): IntervalSet {
  const result: Interval[] = [];
  let low = 0;
  for (const i of set) {
    if (i.low > low) result.push({ low, high: i.low - 1 });
    low = i.high + 1;
  }
  if (low <= maximum) result.push({ low, high: maximum });
  return result;
}

/** All values in both sets. */
export function intersect(a: IntervalSet, b: IntervalSet): IntervalSet {
  const result: Interval[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const low = Math.max(a[i]!.low, b[j]!.low);
    const high = Math.min(a[i]!.high, b[j]!.high);
    if (low <= high) result.push({ low, high });
    if (a[i]!.high < b[j]!.high) i++;
    else j++;
  }
  return result;
}

/** Whether `value` belongs to the set. */
export function contains(set: IntervalSet, value: number): boolean {
  return set.some((i) => i.low <= value && value <= i.high);
}

/** Whether every value of `inner` belongs to `outer`. */
export function isSubset(inner: IntervalSet, outer: IntervalSet): boolean {
  return inner.every((i) => outer.some((o) => o.low <= i.low && i.high <= o.high));
}

/** Prints `80`, `1024-65535` or a comma-separated list of these. */
export function formatSet(set: IntervalSet, formatValue: (value: number) => string = String): string {
  return set
    .map((i) => (i.low === i.high ? formatValue(i.low) : `${formatValue(i.low)}-${formatValue(i.high)}`))
    .join(',');
}

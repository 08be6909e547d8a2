// Sets of unsigned 128-bit integers, IPv6 addresses, in the canonical form of `intervals.ts`.

/** A closed interval: both ends belong to it. */
export interface WideInterval {
  readonly low: bigint;
  readonly high: bigint;
}

/** Sorted, disjoint, non-adjacent; empty for the empty set. */
export type WideIntervalSet = readonly WideInterval[];

export const WIDE_MAXIMUM = (1n << 128n) - 1n;

/** Brings any list of intervals into canonical form. */
export function normalizeWide(intervals: readonly WideInterval[]): WideIntervalSet {
  const sorted = intervals.filter((i) => i.low <= i.high).sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  const result: WideInterval[] = [];
  for (const next of sorted) {
    const last = result[result.length - 1];
    if (last !== undefined && next.low <= last.high + 1n) {
      if (next.high > last.high) result[result.length - 1] = { low: last.low, high: next.high };
    } else {
      result.push(next);
    }
  }
  return result;
}

/** All values that are not in `set`. */
export function complementWide(set: WideIntervalSet): WideIntervalSet {
  const result: WideInterval[] = [];
  let low = 0n;
  for (const i of set) {
    if (i.low > low) result.push({ low, high: i.low - 1n });
    low = i.high + 1n;
  }
  if (low <= WIDE_MAXIMUM) result.push({ low, high: WIDE_MAXIMUM });
  return result;
}

/** All values in both sets. */
export function intersectWide(a: WideIntervalSet, b: WideIntervalSet): WideIntervalSet {
  const result: WideInterval[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const [first, second] = [a[i]!, b[j]!];
    const { low } = first.low > second.low ? first : second;
    const { high } = first.high < second.high ? first : second;
    if (low <= high) result.push({ low, high });
    if (first.high < second.high) i++;
    else j++;
  }
  return result;
}

/** Whether `value` belongs to the set. */
export function containsWide(set: WideIntervalSet, value: bigint): boolean {
  return set.some((i) => i.low <= value && value <= i.high);
}

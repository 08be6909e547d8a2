// Where packets go that are no fragment and have a whole transport header, as nearly all have: past the tests of their
// shape (`classify/shape-tests.ts`), whose answers are known.

import { contains, intersect, interval, isSubset } from '../base/intervals.ts';
import { FIELD_MAXIMUM, type Field, type Predicate } from '../base/predicate.ts';
import type { Classification, Edge } from '../classify/classification.ts';
import { fieldsOf, segmentOrder } from './segments.ts';

/** Bytes behind the IP header of a whole packet, at least. */
export const WHOLE = 20;

/** What the tests ask, and nothing behind them does. */
export const SHAPE_FIELDS: readonly Field[] = ['fragment', 'transportLength'];

/**
 * The segments that whole packets come to who enter at `entries`, one for each. Absent where no tests can be left out, or
 * something behind them asks for the shape again.
 */
export function entriesOfWhole(
  classification: Classification,
  entries: readonly number[],
): readonly number[] | undefined {
  const past = entries.map((entry) => pastTests(classification, entry));
  if (past.every((segment, i) => segment === entries[i])) return undefined;
  const asked = fieldsOf(classification, segmentOrder(classification, past));
  return SHAPE_FIELDS.some((field) => asked.has(field)) ? undefined : past;
}

function pastTests({ segments, lists }: Classification, entry: number): number {
  const segment = segments[entry]!;
  if (segment.finish !== 'linear') return entry;
  let edge: Edge = segment.entry;
  while (edge.kind === 'test') {
    const { predicate, yes, no }: (typeof segment.tests)[number] = segment.tests[edge.test]!;
    const answer = answerOfWhole(predicate);
    if (answer === undefined) return entry;
    edge = answer ? yes : no;
  }
  const { counters, then } = lists[edge.list]!;
  return counters.length === 0 && then.kind === 'segment' && then.test === undefined ? then.segment : entry;
}

function answerOfWhole(predicate: Predicate): boolean | undefined {
  if (predicate.kind !== 'in') return undefined;
  const { field, set } = predicate;
  if (field === 'fragment') return contains(set, 0);
  if (field !== 'transportLength') return undefined;
  const lengths = interval(WHOLE, FIELD_MAXIMUM.transportLength);
  if (isSubset(lengths, set)) return true;
  return intersect(lengths, set).length === 0 ? false : undefined;
}

// Which ways through a classification a hook may begin to count on, if it defers what it cannot decide.
//
// A packet that is deferred must not have been counted: the hook that judges it then counts it from the start. So a
// list that counts and goes on to where packets may turn out undecided is itself undecided. This may defer more than it
// must, and never less.

import type { ActionList, Classification, Edge, LinearSegment, Segment } from '../classify/classification.ts';
import { indexedField } from '../classify/indexes/field-index.ts';

/** What a hook can do of what classifications may ask. */
export interface Ability {
  /** Whether it can look packets up in this segment at all. */
  readonly segment?: (segment: Segment) => boolean;
  /** Whether it can fetch fields that prologues leave out. */
  readonly late: boolean;
  /** Most counters of one list of a table segment; any number if absent. */
  readonly counters?: number;
}

export interface Deferral {
  /** Whether all packets that enter this segment are deferred. */
  readonly whole: (segment: number) => boolean;
  /** Whether packets that come to this list in this segment may turn out undecided behind it. */
  readonly list: (segment: number, list: number) => boolean;
}

/** For hooks that drop what is undecided: nothing is ever deferred. */
export const NEVER_DEFERRED: Deferral = {
  whole: () => false,
  list: () => false,
};

/** `order` has the segments in use, each before those that it leads to. */
export function findDeferrals(
  { segments, lists }: Classification,
  order: readonly number[],
  ability: Ability,
): Deferral {
  const entries = new Map<number, boolean>();
  const whole = new Set<number>();
  const tests = new Map<number, Uint8Array>();
  const ofList = (number: number, { then }: ActionList): boolean => {
    if (then.kind === 'undecided') return true;
    if (then.kind === 'exit') return entries.get(segments[number]!.exits![then.exit]!)!;
    if (then.kind !== 'segment') return false;
    return then.test === undefined ? entries.get(then.segment)! : tests.get(then.segment)![then.test] === 1;
  };
  const ofEdge = (number: number, edge: Edge): boolean =>
    edge.kind === 'test' ? tests.get(number)![edge.test] === 1 : ofList(number, lists[edge.list]!);
  const ofTests = (number: number, { tests: all, entry }: LinearSegment): boolean => {
    // Edges lead to tests of larger numbers, and so do the lists they lead to.
    const found = new Uint8Array(all.length);
    tests.set(number, found);
    for (let test = all.length - 1; test >= 0; test--) {
      const { yes, no } = all[test]!;
      found[test] = ofEdge(number, yes) || ofEdge(number, no) ? 1 : 0;
    }
    return ofEdge(number, entry);
  };
  for (const number of [...order].reverse()) {
    const segment = segments[number]!;
    const cannot = ability.segment?.(segment) === false;
    const isDeferred =
      segment.finish === 'linear'
        ? ofTests(number, segment)
        : isLate(segment, ability) ||
          segment.lists.some((list) => ofList(number, lists[list]!) || isTooLong(lists[list]!, ability));
    if (cannot || (isDeferred && mayNotBegin(segment, ability))) whole.add(number);
    entries.set(number, isDeferred || whole.has(number));
  }
  return {
    whole: (segment) => whole.has(segment),
    list: (segment, list) => ofList(segment, lists[list]!),
  };
}

/** Whether the outcome of some packets waits for a field that the hook cannot fetch. */
function isLate(segment: Segment, { late }: Ability): boolean {
  return !late && segment.finish === 'tables' && lateField(segment) !== undefined;
}

/** The field that a segment fetches late, if any. */
export function lateField({ result }: Extract<Segment, { finish: 'tables' }>) {
  if (result.kind === 'masks' || result.kind === 'walk' || result.late === undefined) return undefined;
  return indexedField(result.late.index);
}

function isTooLong({ counters }: ActionList, ability: Ability): boolean {
  return ability.counters !== undefined && counters.length > ability.counters;
}

/** Whether code cannot stop where a packet must be deferred: it counts before it knows, or cannot go on without a field. */
function mayNotBegin(segment: Segment, ability: Ability): boolean {
  if (segment.finish !== 'tables') return false;
  if (segment.result.kind === 'walk') return segment.result.counts;
  if (segment.result.kind !== 'tuples') return false;
  const { alone, tuples } = segment.result.goingOn;
  return isLate(segment, ability) || [...alone.masks, ...tuples.masks].some((mask) => mask !== 0n);
}

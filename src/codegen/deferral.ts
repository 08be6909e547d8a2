// Which ways through a classification a hook may begin to count on, if it defers what it cannot decide.
//
// A packet that is deferred must not have been counted: the hook that judges it then counts it from the start. So a
// list that counts and goes on to where packets may turn out undecided is itself undecided. This may defer more than it
// must, and never less.

import type { ActionList, Classification, Edge, LinearSegment, Segment } from '../classify/classification.ts';

export interface Deferral {
  /** Whether packets that enter this segment, at its entry, may turn out undecided. */
  readonly entry: (segment: number) => boolean;
  /** Whether packets that come to this list in this segment may turn out undecided. */
  readonly list: (segment: number, list: number) => boolean;
}

/** For hooks that drop what is undecided: nothing is ever deferred. */
export const NEVER_DEFERRED: Deferral = { entry: () => false, list: () => false };

/** `order` has the segments in use, each before those that it leads to. */
export function findDeferrals({ segments, lists }: Classification, order: readonly number[]): Deferral {
  const entries = new Map<number, boolean>();
  const tests = new Map<number, Uint8Array>();
  const ofList = (number: number, { then }: ActionList): boolean => {
    if (then.kind === 'undecided') return true;
    if (then.kind === 'exit') return entries.get(segments[number]!.exits![then.exit]!)!;
    if (then.kind !== 'segment') return false;
    return then.test === undefined ? entries.get(then.segment)! : tests.get(then.segment)![then.test] === 1;
  };
  const isDeferred = (number: number, edge: Edge): boolean =>
    edge.kind === 'test' ? tests.get(number)![edge.test] === 1 : ofList(number, lists[edge.list]!);
  for (const number of [...order].reverse()) {
    const segment: Segment = segments[number]!;
    if (segment.finish === 'tables') {
      entries.set(
        number,
        segment.lists.some((list) => ofList(number, lists[list]!)),
      );
      continue;
    }
    // Edges lead to tests of larger numbers, and so do the lists they lead to.
    const found = new Uint8Array(segment.tests.length);
    tests.set(number, found);
    for (let test = found.length - 1; test >= 0; test--) found[test] = deferredTest(segment, test, number) ? 1 : 0;
    entries.set(number, isDeferred(number, segment.entry));
  }
  function deferredTest(segment: LinearSegment, test: number, number: number): boolean {
    const { yes, no } = segment.tests[test]!;
    return isDeferred(number, yes) || isDeferred(number, no);
  }
  return {
    entry: (segment) => entries.get(segment)!,
    list: (segment, list) => ofList(segment, lists[list]!),
  };
}

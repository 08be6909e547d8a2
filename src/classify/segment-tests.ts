// A decision list as tests asked one after the other: for short lists, and where no table fits.
//
// A decision's literals become tests in their order; where one does not hold, the next decision is asked. Decisions
// that always apply become part of the action list that leads past them.

import { type ActionLists, EMPTY } from './action-lists.ts';
import type { Edge, LinearSegment } from './classification.ts';
import { END, type ListSegment } from './decision-list.ts';

/** The tests of a list that becomes segment `number`. */
export function segmentTests({ list, exits }: ListSegment, number: number, lists: ActionLists): LinearSegment {
  const { length, conditions, slots, then, owners = slots } = list;
  const firstTest = new Int32Array(length + 1);
  for (let i = 0; i < length; i++) {
    firstTest[i + 1] = firstTest[i]!;
    for (const { literals } of conditions[i]!) firstTest[i + 1]! += literals.length;
  }
  /** Where a packet goes that has counted `chain` and is at decision `start`, or at an end. */
  const edge = (chain: number, start: number): Edge => {
    let counted = chain;
    let at = start;
    while (at >= 0 && at < length && conditions[at]!.length === 0) {
      if (slots[at]! >= 0) counted = lists.chain(counted, slots[at]!);
      at = then[at]!;
    }
    if (at < 0 || at >= length) return { kind: 'list', list: lists.endingIn(counted, at < 0 ? at : END.next) };
    const test = firstTest[at]!;
    return counted === EMPTY ? { kind: 'test', test } : { kind: 'list', list: lists.goingOn(counted, number, test) };
  };
  const tests: LinearSegment['tests'][number][] = [];
  for (let i = 0; i < length; i++) {
    const slot = slots[i]!;
    const owner = owners[i]!;
    if (conditions[i]!.length === 0) continue;
    const applies = edge(slot < 0 ? EMPTY : lists.chain(EMPTY, slot), then[i]!);
    const passed = edge(EMPTY, i + 1);
    const last = firstTest[i + 1]! - 1;
    for (const { literals } of conditions[i]!) {
      for (const { predicate, negated } of literals) {
        const holds: Edge = tests.length === last ? applies : { kind: 'test', test: tests.length + 1 };
        const edges = negated ? { yes: passed, no: holds } : { yes: holds, no: passed };
        tests.push(owner < 0 ? { predicate, ...edges } : { predicate, ...edges, slot: owner });
      }
    }
  }
  return { finish: 'linear', tests, entry: edge(EMPTY, 0), exits };
}

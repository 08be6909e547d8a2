// Which rules lead packets to an early drop, by the lists of early verdicts.
//
// The segments are gone through from their ends to the entry, and the decisions of each from the last to the first: a
// decision leads to a drop if what it goes to does.

import { CLASS_SHIFT, classNumber, UNVERIFIED } from '../base/connection-state.ts';
import { complement, type IntervalSet, intersect, interval, union } from '../base/intervals.ts';
import { FIELD_MAXIMUM } from '../base/predicate.ts';
import { type DecisionList, END, type ExitName, type HookLists, type ListSegment } from '../classify/decision-list.ts';
import type { Slot } from '../graph/graph.ts';
import type { UncertainConditions } from './explain-early-uncertain.ts';

export interface Drops {
  /** Rules that count packets on the way to a drop, and those of them that ask for connection states. */
  readonly early: ReadonlySet<Slot>;
  readonly states: ReadonlySet<Slot>;
  /** Rules that packets come to, and that none comes to whatever its state. */
  readonly reached: ReadonlySet<Slot>;
  readonly passed: ReadonlySet<Slot>;
}

export const NO_DROPS: Drops = { early: new Set(), states: new Set(), reached: new Set(), passed: new Set() };

/** `strict` says which states packets of no connection may have. */
export function dropping(lists: HookLists, uncertain: UncertainConditions, strict: boolean): Drops {
  const possible = statesOf(strict);
  const [early, states, reached, passed] = [new Set<Slot>(), new Set<Slot>(), new Set<Slot>(), new Set<Slot>()];
  /** Whether packets may be dropped that come to a segment. */
  const drops = new Map<number, boolean>();
  const waiting = [lists.entry];
  while (waiting.length > 0) {
    const number = waiting.at(-1)!;
    const segment = lists.segments[number]!;
    const next = 'list' in segment ? exitsOf(segment) : [segment.main, segment.odd];
    const open = next.filter((each) => !drops.has(each));
    if (open.length > 0) {
      waiting.push(...open);
      continue;
    }
    waiting.pop();
    if (drops.has(number)) continue;
    if (!('list' in segment)) {
      drops.set(
        number,
        next.some((each) => drops.get(each)),
      );
      continue;
    }
    const { list, exits } = segment;
    const leads = (end: number): boolean =>
      end === END.drop || EXITS.some((exit) => END[exit] === end && drops.get(exits[exit]!) === true);
    const isOpen = openDecisions(list, possible);
    // Whether packets may be dropped that come to a decision.
    const from = new Uint8Array(list.length + 1);
    from[list.length] = leads(END.next) ? 1 : 0;
    for (let i = list.length - 1; i >= 0; i--) {
      const [conditions, then, slot] = [list.conditions[i]!, list.then[i]!, list.slots[i]!];
      const applies = isOpen[i] === 1 && !conditions.some((condition) => uncertain.why(condition) !== undefined);
      if (slot >= 0) (isOpen[i] === 1 ? reached : passed).add(slot);
      const dropped = applies && (then >= 0 ? from[then] === 1 : leads(then));
      if (dropped && slot >= 0) {
        early.add(slot);
        if (conditions.some(({ field }) => field === 'state')) states.add(slot);
      }
      from[i] = dropped || (conditions.length > 0 && from[i + 1] === 1) ? 1 : 0;
    }
    drops.set(number, from[0] === 1);
  }
  return { early, states, reached, passed };
}

/** By decision: 1 where packets of some connection state come to it and may meet it. */
function openDecisions({ length, conditions, then }: DecisionList, states: IntervalSet): Uint8Array {
  const open = new Uint8Array(length);
  const skipped = new Map<number, IntervalSet>();
  let left = states;
  for (let i = 0; i < length; i++) {
    left = union(left, skipped.get(i) ?? []);
    const asked = conditions[i]!;
    const state = asked.find(({ field }) => field === 'state');
    const those = state === undefined ? left : state.set === undefined ? [] : intersect(left, state.set);
    open[i] = (state !== undefined && state.set === undefined ? left : those).length > 0 ? 1 : 0;
    if (then[i]! > i + 1) skipped.set(then[i]!, union(left, skipped.get(then[i]!) ?? []));
    if (then[i]! < 0 && asked.length === (state === undefined ? 0 : 1))
      left = intersect(left, complement(those, FIELD_MAXIMUM.state));
  }
  return open;
}

/** What packets of no connection may be: see `src/codegen/early-connection.ts`. */
function statesOf(strict: boolean): IntervalSet {
  const isValid = strict ? UNVERIFIED : classNumber('NEW') << CLASS_SHIFT;
  return union(interval(isValid), interval(classNumber('INVALID') << CLASS_SHIFT));
}

const EXITS: readonly ExitName[] = ['next', 'call', 'return'];

/** The segments that a list's packets may come to. */
function exitsOf({ list, exits }: ListSegment): number[] {
  const { length, conditions, then } = list;
  const ends = new Set<number>(then);
  if (length === 0 || conditions[length - 1]!.length > 0 || ends.has(length)) ends.add(END.next);
  return EXITS.flatMap((exit) => (ends.has(END[exit]) && exits[exit] !== undefined ? [exits[exit]] : []));
}

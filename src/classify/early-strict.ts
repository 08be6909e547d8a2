// Lists of early verdicts that no checksum can prove wrong.
//
// What tracking makes of a packet without a connection, its headers tell, but for one thing: a packet that is NEW by them is
// INVALID if the checksum behind them is wrong, and nobody adds that up at XDP. Such packets have the state `UNVERIFIED`. They
// meet a list as long as NEW and INVALID packets do the same in it, counters included; where these part, they are undecided.

import { CLASS_SHIFT, classNumber, UNVERIFIED } from '../base/connection-state.ts';
import { evaluatePredicate, type FieldValues } from '../base/predicate.ts';
import type { ConditionTable } from './conditions.ts';
import { type Condition, type DecisionList, END } from './decision-list.ts';

const [NEW, INVALID] = [classNumber('NEW') << CLASS_SHIFT, classNumber('INVALID') << CLASS_SHIFT];

/** The list with a decision for `UNVERIFIED` packets in front of each that asks for states. */
export function withUnverified({ conditions, slots, then: ends, owners = slots }: DecisionList, table: ConditionTable) {
  const unverified = table.condition({
    predicate: { kind: 'in', field: 'state', set: [{ low: UNVERIFIED, high: UNVERIFIED }] },
    negated: false,
  }) as Condition;
  const made: { asked: readonly Condition[]; slot: number; end: number; owner: number }[] = [];
  /** Where each decision has come to: in front of it, what is asked for it. */
  const places = new Int32Array(conditions.length + 1);
  for (const [i, asked] of conditions.entries()) {
    places[i] = made.length;
    const own = { asked, slot: slots[i]!, end: ends[i]!, owner: owners[i]! };
    const state = asked.find(({ field }) => field === 'state');
    if (state !== undefined) {
      const others = asked.filter((each) => each !== state);
      const [isNew, isInvalid, isUnverified] = [NEW, INVALID, UNVERIFIED].map((value) => holds(state, value));
      const all = { ...own, asked: table.conditionsOf(table.vector([...others, unverified])) };
      if (isNew !== isInvalid) made.push({ ...all, slot: -1, end: END.undecided });
      else if (isUnverified !== isNew) made.push(isNew ? all : { ...all, slot: -1, end: i + 1 });
    }
    made.push(own);
  }
  places[conditions.length] = made.length;
  const then = Int32Array.from(made, ({ end }) => (end < 0 ? end : places[end]!));
  return {
    length: made.length,
    conditions: made.map(({ asked }) => asked),
    slots: Int32Array.from(made, ({ slot }) => slot),
    then,
    owners: Int32Array.from(made, ({ owner }) => owner),
  } satisfies DecisionList;
}

function holds({ literals }: Condition, state: number): boolean {
  const values = { state } as FieldValues;
  return literals.every(({ predicate, negated }) => evaluatePredicate(predicate, values) !== negated);
}

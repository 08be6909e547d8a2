// What can be said of a decision list without its fields: where it ends for good, and what is skipped over.

import { type DecisionList, END } from './decision-list.ts';

export interface Reach {
  /** The list without the decisions that no packet gets to; `then` has `END.next` in place of its length. */
  readonly list: DecisionList;
  /** Per decision 1 where a packet for which it applies gets no further, and none gets past it by a skip. */
  readonly definite: Uint8Array;
}

/** Walks the decisions once. */
export function reachOf({ length, conditions, slots, then: given }: DecisionList): Reach {
  const definite = new Uint8Array(length);
  const goals = new Int32Array(length);
  let furthest = 0;
  let reached = 0;
  while (reached < length) {
    const i = reached++;
    const goal = given[i]! >= length ? END.next : given[i]!;
    goals[i] = goal;
    if (goal > furthest) furthest = goal;
    if (goal >= 0 || furthest > i) continue;
    definite[i] = 1;
    if (conditions[i]!.length === 0) break;
  }
  const then = goals.subarray(0, reached);
  const list = { length: reached, conditions: conditions.slice(0, reached), slots: slots.subarray(0, reached), then };
  return { list, definite: definite.subarray(0, reached) };
}

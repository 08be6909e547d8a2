// What can be said of a decision list without its fields: where it ends for good, and what is skipped over.

import { type DecisionList, END } from './decision-list.ts';
import { firstColumns, type ListColumns } from './list-columns.ts';

export interface Reach {
  /** The list without the decisions that no packet gets to; `then` has `END.next` in place of its length. */
  readonly list: DecisionList;
  /** Per decision 1 where a packet for which it applies gets no further, and none gets past it by a skip. */
  readonly definite: Uint8Array;
  readonly columns: ListColumns;
}

/** Walks the decisions once. */
export function reachOf({ length, slots, then: given }: DecisionList, columns: ListColumns): Reach {
  const { counts } = columns;
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
    if (counts[i] === 0) break;
  }
  const then = goals.subarray(0, reached);
  const left = firstColumns(columns, reached);
  const { conditions } = left;
  const list = { length: reached, conditions, slots: slots.subarray(0, reached), then };
  return { list, definite: definite.subarray(0, reached), columns: left };
}

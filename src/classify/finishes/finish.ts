// What finishes are given, and what they give back: the contract of the builders in this folder.
//
// A finish is tried, and may find that it needs more than the budget has. So builders keep what they make to
// themselves until they know that it fits: only then do they put tables into the pool. An overflow is a value, and the
// next finish is tried.

import { type ActionLists, EndedChains } from '../action-lists.ts';
import type { Budget } from '../budget.ts';
import type { ClassifyCache } from '../cache.ts';
import type { Component } from '../components.ts';
import type { DecisionList } from '../decision-list.ts';
import type { TablePool } from '../tables.ts';

/** Why something was not built, in words for `explain`: `src dst: 1210000 cells, 1048576 at most`. */
export interface Overflow {
  readonly overflow: string;
}

export function isOverflow(result: object): result is Overflow {
  return 'overflow' in result;
}

/** What tables are made with. */
export interface Making {
  readonly budget: Budget;
  readonly pool: TablePool;
  readonly cache: ClassifyCache;
}

export interface FinishInput {
  readonly list: DecisionList;
  /** What is known of a packet when the finish begins. Each condition of the list is in exactly one of them. */
  readonly components: readonly Component[];
  /** The outcomes of the segment; a finish that overflows leaves them to be thrown away. */
  readonly outcomes: Outcomes;
  readonly budget: Budget;
  readonly pool: TablePool;
}

/**
 * The outcomes of a segment, numbered from 0. What is counted on the way to one is a *chain* of slots, a number: `EMPTY`
 * for none, and `lists.chain(before, slot)` for one more. Ends are those of decision lists (`END`).
 */
export class Outcomes {
  readonly lists: ActionLists;
  private readonly numbers: EndedChains;

  /** For about so many outcomes. */
  constructor(lists: ActionLists, expected?: number) {
    this.lists = lists;
    this.numbers = new EndedChains(expected);
  }

  /** The number of an outcome: a chain, and the end behind it. */
  number(chain: number, end: number): number {
    return this.numbers.number(chain, end);
  }

  /** There will be no others. */
  close(): void {
    this.numbers.close();
  }

  get count(): number {
    return this.numbers.count;
  }

  /** What is counted on the way to an outcome. */
  chain(number: number): number {
    return this.numbers.chain(number);
  }

  /** The end of an outcome. */
  end(number: number): number {
    return this.numbers.end(number);
  }
}

// What becomes of a packet for which certain decisions apply: the walk of a decision list, for a cell at a time.

import { EMPTY } from '../action-lists.ts';
import type { Budget } from '../budget.ts';
import type { NumberLists } from '../components.ts';
import { END } from '../decision-list.ts';
import { IntPairs } from '../int-pairs.ts';
import type { Reach } from '../reach.ts';
import type { Outcomes, Overflow } from './finish.ts';

/** A field that is looked up only where the outcome depends on it. */
export interface LateField {
  readonly classCount: number;
  /** Per class the predicates that hold in it. */
  readonly classes: NumberLists;
  readonly predicateCount: number;
  readonly ofDecision: Int32Array;
}

/** Contents of cells from here on are rows of the late table. */
export const LATE = 1 << 30;

/** Decisions that are walked for all different cells, per cell that there may be. */
const WALKED = 0.5;

export class CellOutcomes {
  /** Outcomes of the late table, row by row. */
  readonly lateCells: number[] = [];
  private readonly reach: Reach;
  private readonly outcomes: Outcomes;
  private readonly late: LateField | undefined;
  private readonly budget: Budget;
  private overflow: Overflow | undefined;
  /** Counters of all outcomes together. */
  private counters = 0;
  /** Decisions met in all cells together. */
  private walked = 0;
  private readonly rows = new IntPairs();
  private readonly rowOf = new Map<number, number>();
  /** Whether a predicate of the late field holds in the class that is being asked for. */
  private readonly holds: Uint8Array;

  constructor(reach: Reach, outcomes: Outcomes, late: LateField | undefined, budget: Budget) {
    this.reach = reach;
    this.outcomes = outcomes;
    this.late = late;
    this.budget = budget;
    this.holds = new Uint8Array(late === undefined ? 1 : late.predicateCount + 1).fill(1, 0, 1);
  }

  /** Whether nothing behind the decision matters where it applies, whatever the late field. */
  ends(decision: number): boolean {
    return this.reach.definite[decision] === 1 && (this.late === undefined || this.late.ofDecision[decision] === 0);
  }

  /**
   * The content of a cell in which the first `count` decisions apply, apart from what they ask of the late field: an
   * outcome, or `LATE` and a row.
   */
  content(decisions: Int32Array, count: number): number | Overflow {
    const { late } = this;
    let dependent = false;
    if (late !== undefined) {
      for (let i = 0; i < count && !dependent; i++) {
        const decision = decisions[i]!;
        dependent = late.ofDecision[decision] !== 0;
        if (this.ends(decision)) break;
      }
    }
    const content = dependent ? this.lateContent(decisions, count, late!) : this.walk(decisions, count);
    return this.overflow ?? content;
  }

  /** The outcome; of no use once there is an overflow. */
  private walk(decisions: Int32Array, count: number): number {
    const { list } = this.reach;
    const { late, holds } = this;
    const { lists } = this.outcomes;
    let chain: number = EMPTY;
    let resume = 0;
    this.walked += count;
    if (this.walked > WALKED * (this.budget.denseCells + 4096))
      this.overflow ??= { overflow: 'cells of many decisions' };
    for (let i = 0; i < count; i++) {
      const decision = decisions[i]!;
      if (decision < resume || (late !== undefined && holds[late.ofDecision[decision]!] === 0)) continue;
      const slot = list.slots[decision]!;
      if (slot >= 0) chain = lists.chain(chain, slot);
      const goal = list.then[decision]!;
      if (goal < 0) return this.outcome(chain, goal);
      if (lists.length(chain) > this.budget.listCounters) break;
      resume = goal;
    }
    return this.outcome(chain, END.next);
  }

  private outcome(chain: number, end: number): number {
    const { listCounters, denseBytes } = this.budget;
    const length = this.outcomes.lists.length(chain);
    if (length > listCounters) this.overflow ??= { overflow: `more than ${listCounters} counters of one packet` };
    const known = this.outcomes.count;
    const outcome = this.outcomes.number(chain, end);
    if (outcome < known) return outcome;
    this.counters += length + 1;
    const bytes = 4 * this.counters;
    if (bytes > denseBytes) this.overflow ??= { overflow: `outcomes of ${bytes} bytes, ${denseBytes} at most` };
    return outcome;
  }

  private lateContent(decisions: Int32Array, count: number, late: LateField): number {
    const { offsets, items } = late.classes;
    const found: number[] = [];
    let key = 0;
    let same = true;
    for (let number = 0; number < late.classCount; number++) {
      for (let i = offsets[number]!; i < offsets[number + 1]!; i++) this.holds[items[i]!] = 1;
      const outcome = this.walk(decisions, count);
      for (let i = offsets[number]!; i < offsets[number + 1]!; i++) this.holds[items[i]!] = 0;
      found.push(outcome);
      key = this.rows.number(key, outcome) + 1;
      same &&= outcome === found[0];
    }
    if (same) return found[0]!;
    let row = this.rowOf.get(key);
    if (row === undefined) {
      row = this.rowOf.size;
      this.rowOf.set(key, row);
      for (const outcome of found) this.lateCells.push(outcome);
    }
    return LATE + row;
  }
}

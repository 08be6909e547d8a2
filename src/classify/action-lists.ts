// The action lists of a classification, equal ones once.
//
// Counters of a list are a *chain*: a number for the slots so far, extended by one slot at a time. Chains are hash-consed
// and cost nothing that lasts; a list is made of one only when a segment is certain to need it.

import type { Slot } from '../graph/graph.ts';
import type { ActionList } from './classification.ts';
import { END } from './decision-list.ts';
import { IntPairs } from './int-pairs.ts';

/** The chain without slots. */
export const EMPTY = 0;

const ENDS: ReadonlyMap<number, ActionList['then']> = new Map<number, ActionList['then']>([
  [END.accept, { kind: 'accept' }],
  [END.drop, { kind: 'drop' }],
  [END.undecided, { kind: 'undecided' }],
  [END.next, { kind: 'exit', exit: 'next' }],
  [END.call, { kind: 'exit', exit: 'call' }],
  [END.return, { kind: 'exit', exit: 'return' }],
]);

export class ActionLists {
  readonly all: ActionList[] = [];
  /** Chain `n + 1` is the n-th pair: a shorter chain, and a slot. */
  private readonly chains: IntPairs;
  private readonly lengths: number[] = [0];
  private readonly lists: IntPairs;
  private readonly goals = new Map<string, number>();

  /** For about so many lists. */
  constructor(expected?: number) {
    this.chains = new IntPairs(expected);
    this.lists = new IntPairs(expected);
  }

  /** The chain with one slot more. */
  chain(before: number, slot: Slot): number {
    const chain = this.chains.number(before, slot) + 1;
    if (chain === this.lengths.length) this.lengths.push(this.lengths[before]! + 1);
    return chain;
  }

  /** How many slots a chain has. */
  length(chain: number): number {
    return this.lengths[chain]!;
  }

  /** The slot of a chain of one, −1 of the chain without slots; undefined where there are more. */
  onlySlot(chain: number): Slot | undefined {
    if (chain === EMPTY) return -1;
    return this.lengths[chain] === 1 ? this.chains.second(chain - 1) : undefined;
  }

  /** The list that counts these slots and then goes to an end of a decision list. */
  endingIn(chain: number, end: number): number {
    const then = ENDS.get(end);
    if (then === undefined) throw new Error(`${end} is no end of a decision list`);
    return this.list(chain, end, then);
  }

  /** The list that counts these slots and goes on with a segment, or with a test of a linear segment. */
  goingOn(chain: number, segment: number, test?: number): number {
    const key = `${segment}:${test}`;
    const goal = this.goals.get(key) ?? this.goals.size + 1;
    this.goals.set(key, goal);
    return this.list(
      chain,
      goal,
      test === undefined ? { kind: 'segment', segment } : { kind: 'segment', segment, test },
    );
  }

  private list(chain: number, goal: number, then: ActionList['then']): number {
    const number = this.lists.number(chain, goal);
    if (number === this.all.length) this.all.push({ counters: this.slots(chain), then });
    return number;
  }

  private slots(chain: number): Slot[] {
    // Nearly all chains are one slot; an array that grows would have room for many.
    if (this.lengths[chain] === 1) return [this.chains.second(chain - 1)];
    const slots: Slot[] = [];
    for (let rest = chain; rest !== EMPTY; rest = this.chains.first(rest - 1)) slots.push(this.chains.second(rest - 1));
    return slots.reverse();
  }
}

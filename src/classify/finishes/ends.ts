// How decisions end, for the finishes that find one decision: outcome words, and what applies where none is found.

import { EMPTY } from '../action-lists.ts';
import { type DecisionList, END } from '../decision-list.ts';
import { outcomeWord } from '../outcomes.ts';
import type { Outcomes } from './finish.ts';

/** Behind all decisions, however many there are. Values are compared by their difference, so numbers have 31 bits. */
const NO_NUMBER = 0x7fffffff;

/** Outcome word of what applies where no decision of a finish does, and a number behind those of all of them. */
export interface Otherwise {
  readonly word: number;
  readonly number: number;
}

/** Whether a decision leads to the next one. The last one ends, where it does. */
export function goesOn({ then, length }: DecisionList, decision: number): boolean {
  return then[decision] === decision + 1 && decision + 1 < length;
}

/** Whether a decision leads to one behind the next. */
export function skips({ then, length }: DecisionList, decision: number): boolean {
  return then[decision]! > decision + 1 && then[decision]! < length;
}

/** The outcome word of a decision that ends. */
export function wordOf(list: DecisionList, decision: number): number {
  return outcomeWord(list.slots[decision]!, endOf(list, decision));
}

/** Numbers the outcome of a decision that ends. */
export function addOutcome(list: DecisionList, decision: number, outcomes: Outcomes): void {
  const slot = list.slots[decision]!;
  outcomes.number(slot < 0 ? EMPTY : outcomes.lists.chain(EMPTY, slot), endOf(list, decision));
}

/** What applies behind all decisions before `length`: the one that is there, or the end of the list. */
export function otherwiseOf(list: DecisionList, length: number, outcomes: Outcomes): Otherwise {
  if (length < list.length) {
    addOutcome(list, length, outcomes);
    return { word: wordOf(list, length), number: NO_NUMBER };
  }
  outcomes.number(EMPTY, END.next);
  return { word: outcomeWord(-1, END.next), number: NO_NUMBER };
}

function endOf({ then, length }: DecisionList, decision: number): number {
  return then[decision]! >= length ? END.next : then[decision]!;
}

// Rules that are alike: they ask the same fields in the same order, and the same of a packet's shape. What becomes of their
// conditions then depends on nothing else, so it is found out once and afterwards told by the places of clauses alone.
//
// Clauses lead through a tree: by the condition itself where it is about the shape (`shapes.ts`), by its field where not.
// Rules whose clauses end at one node are alike, unless two clauses ask one field: then it matters what they ask.

import type { Clause, Field } from '../base/predicate.ts';
import { type Answer, type ConditionTable, fieldBit, fieldPlace } from './conditions.ts';
import type { Condition } from './decision-list.ts';
import type { Vector } from './vectors.ts';

/** What decisions of alike rules have in common. */
export interface Recipe {
  /** Of each condition the number of its clause, or −1. */
  readonly clauses: Int32Array;
  /** The conditions that all have in common, each at its place. */
  readonly shared: readonly (Condition | undefined)[];
}

/** Where rules that begin alike are. `T` is what is known of those that end here. */
export class Alike<T> {
  /** What is known of the rules whose clauses end here. */
  known: T | undefined = undefined;
  /** The last clause that followed as an object, its answer and where it led: many are the same in all rules. */
  clause: Clause | undefined = undefined;
  answer: Answer = false;
  behindSame: Alike<T> = this;
  private lastKey = -1;
  private last: Alike<T> = this;
  private readonly next = new Map<number, Alike<T>>();

  /** Where rules are whose next clause is a certain object. */
  behindClause(clause: Clause, answer: Answer): Alike<T> {
    this.clause = clause;
    this.answer = answer;
    this.behindSame = this.behind(answer, clause.kind === 'dropIf');
    return this.behindSame;
  }

  /** Where rules are whose next clause has this answer, and drops or not. */
  behind(answer: Answer, drops: boolean): Alike<T> {
    const key = 2 * keyOf(answer) + (drops ? 1 : 0);
    if (this.lastKey === key) return this.last;
    let found = this.next.get(key);
    if (found === undefined) {
      found = new Alike<T>();
      this.next.set(key, found);
    }
    this.lastKey = key;
    this.last = found;
    return found;
  }
}

/** Fields whose conditions decide what becomes of a rule. */
const DECIDING = fieldBit('protocol') | fieldBit('fragment') | fieldBit('transportLength') | fieldBit('malformed');

/** More than all places of fields. */
const PLACES = 64;

function keyOf(answer: Answer): number {
  if (typeof answer === 'boolean') return answer ? 1 : 0;
  return isDeciding(answer) ? 2 + PLACES + answer.id : 2 + fieldPlace(answer);
}

function isDeciding(condition: Condition): boolean {
  return ((1 << fieldPlace(condition)) & DECIDING) !== 0;
}

/** Whether each field but the deciding ones is asked by one clause at most. */
export function asksOnce(answers: readonly Answer[]): boolean {
  const seen = new Set<Field>();
  for (const answer of answers) {
    if (typeof answer === 'boolean' || isDeciding(answer)) continue;
    if (seen.has(answer.field)) return false;
    seen.add(answer.field);
  }
  return true;
}

/** How a vector is made of a rule's answers, of which each field that does not decide has one. */
export function recipeOf(conditions: readonly Condition[], answers: readonly Answer[]): Recipe {
  const clauses = Int32Array.from(conditions, (each) => (isDeciding(each) ? -1 : answers.indexOf(each)));
  const shared = conditions.map((each) => (isDeciding(each) ? each : undefined));
  if (shared.some((each, i) => each === undefined && clauses[i] === -1)) {
    throw new Error('a decision asks what no clause of its rule does');
  }
  return { clauses, shared };
}

/** The vector of another rule alike. */
export function follow({ clauses, shared }: Recipe, answers: readonly Answer[], table: ConditionTable): Vector {
  const conditions = new Array<Condition>(clauses.length);
  for (let i = 0; i < clauses.length; i++) {
    const clause = clauses[i]!;
    conditions[i] = clause < 0 ? shared[i]! : (answers[clause] as Condition);
  }
  return table.vectorOf(conditions);
}

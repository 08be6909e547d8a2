// What a list asks of each field: its conditions, numbered as predicates.

import type { Field } from '../base/predicate.ts';
import type { Condition, DecisionList } from './decision-list.ts';

export interface ListField {
  readonly field: Field;
  /** By ascending id, so that equal sets of conditions are equal lists, wherever they are asked; predicate 1 is the first. */
  readonly conditions: readonly Condition[];
  /** Per decision its predicate, 0 where it asks nothing. */
  readonly ofDecision: Int32Array;
}

/** The fields that a list asks for, each with what it asks. */
export function listFields({ length, conditions }: DecisionList): ListField[] {
  const byId: (Condition | undefined)[] = [];
  for (let i = 0; i < length; i++) {
    const asked = conditions[i]!;
    for (let j = 0; j < asked.length; j++) {
      const { id } = asked[j]!;
      while (byId.length <= id) byId.push(undefined);
      byId[id] = asked[j]!;
    }
  }
  const fields: { field: Field; conditions: Condition[]; ofDecision: Int32Array }[] = [];
  const numbers = new Map<Field, number>();
  const fieldOf = new Uint8Array(byId.length);
  const predicateOf = new Int32Array(byId.length);
  for (let id = 1; id < byId.length; id++) {
    const condition = byId[id];
    if (condition === undefined) continue;
    let number = numbers.get(condition.field);
    if (number === undefined) {
      number = fields.length;
      numbers.set(condition.field, number);
      fields.push({ field: condition.field, conditions: [], ofDecision: new Int32Array(length) });
    }
    fieldOf[id] = number;
    predicateOf[id] = fields[number]!.conditions.push(condition);
  }
  for (let i = 0; i < length; i++) {
    const asked = conditions[i]!;
    for (let j = 0; j < asked.length; j++) {
      const { id } = asked[j]!;
      fields[fieldOf[id]!]!.ofDecision[i] = predicateOf[id]!;
    }
  }
  return fields.sort((a, b) => (a.field < b.field ? -1 : 1));
}

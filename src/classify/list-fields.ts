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

/** The fields that a list asks for, in the order in which they are first met. */
export function listFields(list: DecisionList): ListField[] {
  const { length, conditions } = list;
  let last = 0;
  for (let i = 0; i < length; i++) for (const { id } of conditions[i]!) if (id > last) last = id;
  const byId: (Condition | undefined)[] = new Array(last + 1);
  const fields = new Map<Field, { conditions: Condition[]; ofDecision: Int32Array }>();
  for (let i = 0; i < length; i++) {
    for (const condition of conditions[i]!) {
      if (byId[condition.id] !== undefined) continue;
      byId[condition.id] = condition;
      if (!fields.has(condition.field)) {
        fields.set(condition.field, { conditions: [], ofDecision: new Int32Array(length) });
      }
    }
  }
  const predicates = new Int32Array(last + 1);
  for (let id = 1; id <= last; id++) {
    const condition = byId[id];
    if (condition === undefined) continue;
    predicates[id] = fields.get(condition.field)!.conditions.push(condition);
  }
  for (let i = 0; i < length; i++) {
    for (const { id, field } of conditions[i]!) fields.get(field)!.ofDecision[i] = predicates[id]!;
  }
  return [...fields].map(([field, { conditions: asked, ofDecision }]) => ({ field, conditions: asked, ofDecision }));
}

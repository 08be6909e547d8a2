// What a finish is given, made without classes or indexes: components whose classes are those of given packets.

import type { Field, FieldValues } from '../../src/base/predicate.ts';
import { ActionLists } from '../../src/classify/action-lists.ts';
import { type Budget, DEFAULT_BUDGET } from '../../src/classify/budget.ts';
import type { Component } from '../../src/classify/components.ts';
import type { Condition, DecisionList } from '../../src/classify/decision-list.ts';
import { type FinishInput, Outcomes } from '../../src/classify/finishes/finish.ts';
import { TablePool } from '../../src/classify/tables.ts';
import { ALL_FIELDS, meets } from './list-conditions.ts';

export interface TestInput {
  readonly input: FinishInput & { readonly pool: TablePool };
  /** Per packet its class in each component. */
  readonly classes: readonly (readonly number[])[];
}

/** A list's components, one a group of fields; fields in no group are a group together. */
export function finishInput(
  list: DecisionList,
  packets: readonly FieldValues[],
  groups: readonly (readonly Field[])[],
  budget: Partial<Budget> = {},
): TestInput {
  const grouped = new Set(groups.flat());
  const rest = ALL_FIELDS.filter((field) => !grouped.has(field));
  const all = rest.length > 0 ? [...groups, rest] : groups;
  const made = all.map((fields, variable) => makeComponent(list, packets, fields, variable));
  const input = {
    list,
    components: made.map(({ component }) => component),
    outcomes: new Outcomes(new ActionLists()),
    budget: { ...DEFAULT_BUDGET, ...budget },
    pool: new TablePool(),
  };
  return { input, classes: packets.map((_, n) => made.map(({ classOf }) => classOf[n]!)) };
}

function makeComponent(
  list: DecisionList,
  packets: readonly FieldValues[],
  fields: readonly Field[],
  variable: number,
): { component: Component; classOf: number[] } {
  const predicates = new Map<string, { number: number; conditions: readonly Condition[] }>();
  const ofDecision = Int32Array.from(list.conditions, (conditions) => {
    const own = conditions.filter(({ field }) => fields.includes(field));
    if (own.length === 0) return 0;
    const key = own.map(({ id }) => id).join();
    const known = predicates.get(key) ?? { number: predicates.size + 1, conditions: own };
    predicates.set(key, known);
    return known.number;
  });
  const classes = new Map<string, { number: number; holds: readonly number[] }>();
  const classOf = packets.map((packet) => {
    const holds = [...predicates.values()]
      .filter(({ conditions }) => conditions.every((condition) => meets(condition, packet)))
      .map(({ number }) => number);
    const known = classes.get(holds.join()) ?? { number: classes.size, holds };
    classes.set(holds.join(), known);
    return known.number;
  });
  const lists = [...classes.values()].map(({ holds }) => holds);
  const offsets = Int32Array.from([0, ...lists]).fill(0);
  for (const [n, holds] of lists.entries()) offsets[n + 1] = offsets[n]! + holds.length;
  const component: Component = {
    name: fields.join(' '),
    variable,
    classCount: lists.length,
    classes: { offsets, items: Int32Array.from(lists.flat()) },
    predicateCount: predicates.size,
    ofDecision,
  };
  return { component, classOf };
}

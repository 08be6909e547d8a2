// What a list asks of each field: its conditions, numbered as predicates.

import type { Field } from '../base/predicate.ts';
import type { Condition } from './decision-list.ts';
import type { Bounds, KnownConditions, ListColumns } from './list-columns.ts';

export interface ListField {
  readonly field: Field;
  /** Of its conditions, ascending: equal sets of conditions are equal lists, wherever they are asked; predicate 1 is the first. */
  readonly ids: Int32Array;
  /** Their values, where each is one interval. */
  readonly bounds: Bounds | undefined;
  /** The conditions themselves, where some are not; else nobody asks for them, and there are none. */
  readonly conditions: readonly Condition[];
  /** Per decision its predicate, 0 where it asks nothing. */
  readonly ofDecision: Int32Array;
}

/** The fields that a list asks for, each with what it asks. */
export function listFields({ ids: columns }: ListColumns, known: KnownConditions): ListField[] {
  /** By condition its predicate; a condition is of one field. */
  const predicateOf = new Int32Array(known.end);
  const fields: ListField[] = [];
  for (const [number, column] of columns.entries()) {
    const ids = column && numbered(column, -1 - number, predicateOf);
    if (ids === undefined || ids.length === 0) continue;
    const bounds = known.bounds(ids);
    const conditions = bounds === undefined ? Array.from(ids, (id) => known.at(id)) : [];
    fields.push({ field: known.fields[number]!, ids, bounds, conditions, ofDecision: mapped(column!, predicateOf) });
  }
  return fields.sort((a, b) => (a.field < b.field ? -1 : 1));
}

/** Numbers the ids of a column but 0, in their order, from 1; returns them. `mark` is negative, and no other column's. */
function numbered(column: Int32Array, mark: number, predicateOf: Int32Array): Int32Array {
  let count = 0;
  for (let i = 0; i < column.length; i++) {
    const id = column[i]!;
    if (id === 0 || predicateOf[id] === mark) continue;
    predicateOf[id] = mark;
    count++;
  }
  const ids = new Int32Array(count);
  for (let id = 1, predicate = 0; predicate < count; id++) {
    if (predicateOf[id] !== mark) continue;
    ids[predicate++] = id;
    predicateOf[id] = predicate;
  }
  return ids;
}

/** Of each id of a column its predicate. */
function mapped(column: Int32Array, predicateOf: Int32Array): Int32Array {
  const predicates = new Int32Array(column.length);
  for (let i = 0; i < column.length; i++) predicates[i] = predicateOf[column[i]!]!;
  return predicates;
}

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
  const predicateOf = new Int32Array(known.end);
  for (const column of columns) {
    if (column === undefined) continue;
    for (let i = 0; i < column.length; i++) predicateOf[column[i]!] = 1;
  }
  // Most lists ask for nearly all conditions that are known.
  const ids = columns.map(() => new Int32Array(64));
  const counts = new Int32Array(columns.length);
  for (let id = 1; id < predicateOf.length; id++) {
    if (predicateOf[id] === 0) continue;
    const field = known.fieldOf(id);
    const place = counts[field]!++;
    if (place === ids[field]!.length) ids[field] = doubled(ids[field]!);
    ids[field]![place] = id;
    predicateOf[id] = place + 1;
  }
  predicateOf[0] = 0;
  const fields: ListField[] = [];
  for (const [number, column] of columns.entries()) {
    if (column === undefined || counts[number] === 0) continue;
    const own = ids[number]!.slice(0, counts[number]);
    const bounds = known.bounds(own);
    const conditions = bounds === undefined ? Array.from(own, (id) => known.at(id)) : [];
    const ofDecision = new Int32Array(column.length);
    for (let i = 0; i < column.length; i++) ofDecision[i] = predicateOf[column[i]!]!;
    fields.push({ field: known.fields[number]!, ids: own, bounds, conditions, ofDecision });
  }
  return fields.sort((a, b) => (a.field < b.field ? -1 : 1));
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(2 * array.length);
  longer.set(array);
  return longer;
}

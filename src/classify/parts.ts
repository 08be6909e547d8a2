// Components under construction: fields, and combinations of them, before it is certain that tables will be made.

import type { DeviceField } from '../base/predicate.ts';
import type { ClassSets, FieldPartition } from './classes.ts';
import type { Lookup } from './classification.ts';
import type { Component, Partition, Variable, WidePartition } from './components.ts';
import type { Making } from './finishes/finish.ts';
import { buildIndex } from './indexes/build-index.ts';
import type { FieldIndex } from './indexes/field-index.ts';
import { buildNames } from './indexes/names.ts';
import { buildWide } from './indexes/wide.ts';
import { TablePool, type TableRef } from './tables.ts';

export interface Part {
  /** `src`, or `src dst`. */
  readonly name: string;
  readonly sets: ClassSets;
  readonly ofDecision: Int32Array;
  readonly source: FieldPartition | CrossSource;
}

export interface CrossSource {
  readonly kind: 'cross';
  readonly rows: Part;
  readonly columns: Part;
  readonly cells: Uint32Array;
}

/** The order in which parts are looked up, and with them what they are made of: all fields, then the combinations. */
export function lookupOrder(parts: readonly Part[]): Part[] {
  const fields: Part[] = [];
  const crosses: Part[] = [];
  const add = (part: Part): void => {
    if (part.source.kind !== 'cross') {
      fields.push(part);
      return;
    }
    add(part.source.rows);
    add(part.source.columns);
    crosses.push(part);
  };
  for (const part of parts) add(part);
  return [...fields, ...crosses];
}

/** The parts as components, each with the variable that its class will be in. */
export function componentsOf(parts: readonly Part[]): Component[] {
  const order = lookupOrder(parts);
  return parts.map((part) => ({
    name: part.name,
    variable: order.indexOf(part),
    ...part.sets,
    ofDecision: part.ofDecision,
  }));
}

/** Makes the tables that find the classes of the parts, with the variables of `componentsOf`. */
export function makeLookups(parts: readonly Part[], making: Making): Lookup[] {
  const order = lookupOrder(parts);
  return order.map(({ name, sets, source }, into): Lookup => {
    if (source.kind !== 'cross') return { kind: 'index', index: makeIndex(source, making), into };
    const { rows, columns, cells } = source;
    const made = making.cache.remember('cells', [cells], [], () => {
      const pool = new TablePool();
      return { table: pool.putNumbers(`cross ${name}`, cells, sets.classCount - 1), pool };
    });
    const { table } = making.pool.adopt({ table: made.table }, made.pool);
    return crossLookup(order.indexOf(rows), order.indexOf(columns), columns, table, into);
  });
}

/** The lookup of a table of cells. */
export function crossLookup(
  rows: Variable,
  columns: Variable,
  { sets }: Part,
  table: TableRef,
  into: Variable,
): Lookup {
  return { kind: 'cross', rows, columns, columnCount: sets.classCount, table, into };
}

/** What a part that is no combination is made of. */
export function fieldOf({ name, source }: Part): FieldPartition {
  if (source.kind === 'cross') throw new Error(`${name} is a combination`);
  return source;
}

/** The index of a field, its tables put into the pool. */
export function makeIndex(partition: FieldPartition, { budget, pool, cache }: Making): FieldIndex {
  const { field } = partition;
  if (partition.kind === 'names') return buildNames(field as DeviceField, partition.names, pool);
  const { starts, classes } = partition.runs;
  const made = cache.remember(`index ${field}`, [budget], [starts, classes], () => {
    const own = new TablePool();
    const index =
      partition.kind === 'wide'
        ? buildWide(partition.field, partition.runs, own)
        : buildIndex(partition.field, partition.runs, budget, own);
    return { index, pool: own };
  });
  return pool.adopt(made.index, made.pool);
}

/** The partition with other numbers in place of its classes; equal neighbours become one. */
export function withClasses(partition: FieldPartition, becomes: Uint32Array, classCount: number): FieldPartition {
  switch (partition.kind) {
    case 'numbers':
      return { ...partition, runs: { ...mergedRuns(partition.runs, 1, becomes), classCount } };
    case 'wide':
      return { ...partition, runs: { ...mergedRuns(partition.runs, 4, becomes), classCount } };
    case 'names': {
      const entries = partition.names.entries.map((entry) => ({ ...entry, class: becomes[entry.class]! }));
      return { ...partition, names: { entries, classCount } };
    }
  }
}

/** Runs whose starts have so many words each. */
function mergedRuns(
  { starts, classes }: Partition | WidePartition,
  words: number,
  becomes: Uint32Array,
): { readonly starts: Uint32Array; readonly classes: Uint32Array } {
  const newStarts = new Uint32Array(starts.length);
  const newClasses = new Uint32Array(classes.length);
  let count = 0;
  for (let run = 0; run < classes.length; run++) {
    const number = becomes[classes[run]!]!;
    if (count > 0 && newClasses[count - 1] === number) continue;
    for (let word = 0; word < words; word++) newStarts[count * words + word] = starts[run * words + word]!;
    newClasses[count++] = number;
  }
  return { starts: newStarts.subarray(0, count * words), classes: newClasses.subarray(0, count) };
}

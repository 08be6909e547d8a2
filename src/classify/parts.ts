// Components under construction: fields, and combinations of them, before it is certain that tables will be made.

import type { DeviceField } from '../base/predicate.ts';
import type { ClassSets, FieldPartition } from './classes.ts';
import type { Lookup } from './classification.ts';
import type { Component, Partition, WidePartition } from './components.ts';
import type { Making } from './finishes/finish.ts';
import { buildIndex } from './indexes/build-index.ts';
import type { FieldIndex } from './indexes/field-index.ts';
import { buildNames } from './indexes/names.ts';
import { buildWide } from './indexes/wide.ts';
import { TablePool, widthFor } from './tables.ts';

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

/**
 * The order in which parts are looked up, and with them what they are made of: a combination as soon as it can be, so that code
 * need not put by what it has just found.
 */
export function lookupOrder(parts: readonly Part[]): Part[] {
  const order: Part[] = [];
  const add = (part: Part): void => {
    if (part.source.kind === 'cross') {
      add(part.source.rows);
      add(part.source.columns);
    }
    order.push(part);
  };
  for (const part of parts) add(part);
  return order;
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

/** Cells of a table that is looked up by pairs, at most: it stays in the nearest cache with the others. */
const PAIR_CELLS = 1 << 15;

/** What a lookup gives for a part: its class, or the number of a pair, of which `classes` has the class. */
interface Found {
  readonly count: number;
  readonly classes?: Uint32Array;
}

/**
 * Makes the tables that find the classes of the parts, with the variables of `componentsOf`. A combination that only
 * another asks has no table of its own where the other's table stays small without: a load less for each packet. `fresh` is
 * a part that is never made again.
 */
export function makeLookups(parts: readonly Part[], making: Making, fresh?: Part): Lookup[] {
  const order = lookupOrder(parts);
  const others = partners(order);
  const found = new Map<Part, Found>();
  return order.map((part, into): Lookup => {
    const { name, sets, source } = part;
    found.set(part, { count: sets.classCount });
    if (source.kind !== 'cross') return { kind: 'index', index: makeIndex(source, making), into };
    const [rows, columns] = [found.get(source.rows)!, found.get(source.columns)!];
    const width = part === fresh ? columns.count : widthFor(columns.count);
    const lookup = {
      ...({ kind: 'cross', rows: order.indexOf(source.rows), columns: order.indexOf(source.columns) } as const),
      ...{ rowCount: rows.count, columnCount: width, into },
    };
    const other = others.get(part);
    const count = rows.count * width;
    const isPaired = other !== undefined && count * (found.get(other)?.count ?? other.sets.classCount) <= PAIR_CELLS;
    if (isPaired) {
      found.set(part, { count, classes: cellsOfPairs(source, rows, columns, width) });
      return lookup;
    }
    if (part === fresh) {
      const cells = cellsOfPairs(source, rows, columns, width);
      return { ...lookup, table: making.pool.putNumbers(`cross ${name}`, cells, sets.classCount - 1) };
    }
    // What is looked up by pairs need not be compared: cells are one object only where the classes of both parts are, and so is
    // all that these were combined of, which alone decides it.
    const counts = Uint32Array.of(rows.count, columns.count);
    const made = making.cache.remember('cells', [source.cells], [counts], () => {
      const pool = new TablePool();
      const cells = cellsOfPairs(source, rows, columns, width);
      return { table: pool.putNumbers(`cross ${name}`, cells, sets.classCount - 1), pool };
    });
    return { ...lookup, ...making.pool.adopt({ table: made.table }, made.pool) };
  });
}

/** Of each part that another combines, and nothing else asks, the part that it is combined with. */
function partners(order: readonly Part[]): ReadonlyMap<Part, Part> {
  const found = new Map<Part, Part>();
  for (const { source } of order) {
    if (source.kind !== 'cross') continue;
    found.set(source.rows, source.columns);
    found.set(source.columns, source.rows);
  }
  return found;
}

/** The cells of a combination, by what was found of its parts, in rows of `width`. */
function cellsOfPairs(
  { cells, columns }: CrossSource,
  rowsFound: Found,
  columnsFound: Found,
  width: number,
): Uint32Array {
  const isPlain = rowsFound.classes === undefined && columnsFound.classes === undefined;
  if (isPlain && width === columnsFound.count) return cells;
  const all = new Uint32Array(rowsFound.count * width);
  for (let row = 0; row < rowsFound.count; row++) {
    let at = row * width;
    const start = columns.sets.classCount * (rowsFound.classes?.[row] ?? row);
    for (let column = 0; column < columnsFound.count; column++) {
      all[at++] = cells[start + (columnsFound.classes?.[column] ?? column)]!;
    }
  }
  return all;
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

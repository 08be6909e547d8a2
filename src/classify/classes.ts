// The classes of one field: its values by the conditions that hold for them.
//
// Numeric fields are swept over their values. Names of devices are swept as well: sorted, the names that begin with a
// prefix are neighbours, so a condition on a device is a set of intervals of places in the list of all names that any
// condition has.

import { complement, type IntervalSet, intersect, interval } from '../base/intervals.ts';
import { type DeviceField, type DeviceName, FIELD_MAXIMUM, type Field, type NumericField } from '../base/predicate.ts';
import type { Budget } from './budget.ts';
import type { NamePartition, NumberLists, Partition } from './components.ts';
import type { Condition } from './decision-list.ts';
import type { Overflow } from './finishes/finish.ts';
import { type Intervals, type Runs, sweep } from './sweep.ts';

/** Which predicates hold together. */
export interface ClassSets {
  readonly classCount: number;
  /** Per class the predicates that hold in it, ascending, without 0, which always does. */
  readonly classes: NumberLists;
  readonly predicateCount: number;
}

export type FieldPartition =
  | { readonly kind: 'numbers'; readonly field: NumericField; readonly runs: Partition }
  | { readonly kind: 'names'; readonly field: DeviceField; readonly names: NamePartition };

export interface FieldClasses {
  readonly sets: ClassSets;
  readonly partition: FieldPartition;
}

/** The classes of a field under conditions, of which the first is predicate 1. */
export function fieldClasses(field: Field, conditions: readonly Condition[], budget: Budget): FieldClasses | Overflow {
  return field === 'inDevice' || field === 'outDevice'
    ? nameClasses(field, conditions, budget)
    : numberClasses(field, conditions, budget);
}

/** How many predicates all classes of a component may have together. */
export function overlapLimit(predicates: number, budget: Budget): number {
  return budget.overlap * (predicates + 1024);
}

function numberClasses(field: NumericField, conditions: readonly Condition[], budget: Budget): FieldClasses | Overflow {
  const sets: IntervalSet[] = [];
  for (const { set } of conditions) {
    if (set === undefined) return { overflow: `${field}: a mask with holes` };
    sets.push(set);
  }
  const runs = sweep(intervalsOf(sets), FIELD_MAXIMUM[field], overlapLimit(sets.length, budget));
  if (runs === undefined) return tooMuchOverlap(field);
  const { starts, classes } = runs;
  const made = classSets(runs, conditions);
  return { sets: made, partition: { kind: 'numbers', field, runs: { starts, classes, classCount: made.classCount } } };
}

function nameClasses(field: DeviceField, conditions: readonly Condition[], budget: Budget): FieldClasses | Overflow {
  const entries = namesOf(conditions);
  const last = entries.length - 1;
  const placesOf = new Map<string, IntervalSet>();
  const sets = conditions.map(({ literals }) =>
    literals.reduce<IntervalSet>(
      (all, { predicate, negated }) => {
        const { name, prefix } = predicate as DeviceName;
        const key = entryKey(name, prefix);
        const places = placesOf.get(key) ?? interval(...placesUnder(entries, name, prefix));
        placesOf.set(key, places);
        return intersect(all, negated ? complement(places, last) : places);
      },
      interval(0, last),
    ),
  );
  const runs = sweep(intervalsOf(sets), last, overlapLimit(sets.length, budget));
  if (runs === undefined) return tooMuchOverlap(field);
  const made = classSets(runs, conditions);
  let run = 0;
  const withClasses = entries.map((entry, place) => {
    while (run + 1 < runs.starts.length && runs.starts[run + 1]! <= place) run++;
    return { ...entry, class: runs.classes[run]! };
  });
  return {
    sets: made,
    partition: { kind: 'names', field, names: { entries: withClasses, classCount: made.classCount } },
  };
}

interface NameEntry {
  readonly name: string;
  readonly prefix: boolean;
}

/** All names and prefixes that are asked for, and the empty prefix; a prefix comes before everything that has it. */
function namesOf(conditions: readonly Condition[]): NameEntry[] {
  const entries = new Map<string, NameEntry>([[entryKey('', true), { name: '', prefix: true }]]);
  for (const { literals } of conditions) {
    for (const { predicate } of literals) {
      const { name, prefix } = predicate as DeviceName;
      entries.set(entryKey(name, prefix), { name, prefix });
    }
  }
  return [...entries.values()].sort((a, b) => compare(a.name, b.name) || Number(b.prefix) - Number(a.prefix));
}

function entryKey(name: string, prefix: boolean): string {
  return `${prefix ? '+' : '='}${name}`;
}

/** First and last place of the entries that are this name, or begin with this prefix. */
function placesUnder(entries: readonly NameEntry[], name: string, prefix: boolean): [low: number, high: number] {
  const low = firstPlace(
    entries,
    (entry) => compare(entry.name, name) > 0 || (entry.name === name && (prefix || !entry.prefix)),
  );
  if (!prefix) return [low, low];
  return [low, firstPlace(entries, (entry) => compare(entry.name, name) > 0 && !entry.name.startsWith(name)) - 1];
}

/** The first place whose entry is so; all behind it are. */
function firstPlace(entries: readonly NameEntry[], isSo: (entry: NameEntry) => boolean): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(entries[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function intervalsOf(sets: readonly IntervalSet[]): Intervals {
  let count = 0;
  for (const set of sets) count += set.length;
  const lows = new Uint32Array(count);
  const highs = new Uint32Array(count);
  const predicates = new Int32Array(count);
  let place = 0;
  for (let i = 0; i < sets.length; i++) {
    for (const { low, high } of sets[i]!) {
      lows[place] = low;
      highs[place] = high;
      predicates[place++] = i + 1;
    }
  }
  return { count, lows, highs, predicates };
}

function classSets({ sets }: Runs, conditions: readonly Condition[]): ClassSets {
  return { classCount: sets.count, classes: sets.finish(), predicateCount: conditions.length };
}

function tooMuchOverlap(field: Field): Overflow {
  return { overflow: `${field}: conditions overlap too much` };
}

// The classes of one field: its values by the conditions that hold for them.
//
// Values of 32 bits and less are swept as they are. Others first become places, numbers in the same order: names among
// all names that conditions have (name-places.ts), values of 128 bits among all bounds (wide-places.ts).

import type { IntervalSet } from '../base/intervals.ts';
import { type DeviceField, FIELD_MAXIMUM, type Field, type NumericField, type WideField } from '../base/predicate.ts';
import type { Budget } from './budget.ts';
import type { NamePartition, NumberLists, Partition, WidePartition } from './components.ts';
import type { Condition } from './decision-list.ts';
import type { Overflow } from './finishes/finish.ts';
import type { Bounds } from './list-columns.ts';
import { namePlaces } from './name-places.ts';
import type { Pruner } from './prune.ts';
import { type Intervals, type Runs, sweep } from './sweep.ts';
import { widePlaces } from './wide-places.ts';

/** Which predicates hold together. */
export interface ClassSets {
  readonly classCount: number;
  /** Per class the predicates that hold in it, ascending, without 0, which always does. */
  readonly classes: NumberLists;
  readonly predicateCount: number;
}

export type FieldPartition =
  | { readonly kind: 'numbers'; readonly field: NumericField; readonly runs: Partition }
  | { readonly kind: 'wide'; readonly field: WideField; readonly runs: WidePartition }
  | { readonly kind: 'names'; readonly field: DeviceField; readonly names: NamePartition };

export interface FieldClasses {
  readonly sets: ClassSets;
  readonly partition: FieldPartition;
}

/** Values as numbers from 0, in their order, and conditions as intervals of these; the first condition is predicate 1. */
export interface Places {
  readonly maximum: number;
  readonly intervals: Intervals;
  partition(runs: Runs): FieldPartition;
}

/** The classes of a field under conditions; with a pruner for its predicates, without what cannot matter. */
export function fieldClasses(field: Field, asked: Asked, budget: Budget, pruner?: Pruner): FieldClasses | Overflow {
  const predicateCount = asked.bounds?.lows.length ?? asked.conditions.length;
  const places = placesOf(field, asked);
  if (places === undefined) return { overflow: `${field}: a mask with holes` };
  const runs = sweep(places.intervals, places.maximum, overlapLimit(predicateCount, budget), pruner);
  if (runs === undefined) return { overflow: `${field}: conditions overlap too much` };
  const { sets } = runs;
  return {
    sets: { classCount: sets.count, classes: sets.finish(), predicateCount },
    partition: places.partition(runs),
  };
}

/** What is asked of a field. */
interface Asked {
  /** Not looked at where `bounds` are known. */
  readonly conditions: readonly Condition[];
  /** Their values, where each is known to be one interval. */
  readonly bounds?: Bounds | undefined;
}

/** How many predicates all classes of a component may have together. */
export function overlapLimit(predicates: number, budget: Budget): number {
  return budget.overlap * (predicates + 1024);
}

function placesOf(field: Field, { conditions, bounds }: Asked): Places | undefined {
  switch (field) {
    case 'src6':
    case 'dst6':
    case 'ctOrigSrc6':
    case 'ctOrigDst6':
    case 'ctReplySrc6':
    case 'ctReplyDst6':
      return widePlaces(field, conditions);
    case 'inDevice':
    case 'outDevice':
      return namePlaces(field, conditions);
    default:
      return numberPlaces(field, conditions, bounds);
  }
}

function numberPlaces(
  field: NumericField,
  conditions: readonly Condition[],
  bounds: Bounds | undefined,
): Places | undefined {
  const intervals = bounds === undefined ? listedIntervals(conditions) : boundedIntervals(bounds);
  if (intervals === undefined) return undefined;
  return {
    maximum: FIELD_MAXIMUM[field],
    intervals,
    partition: ({ starts, classes, sets: { count } }) => ({
      kind: 'numbers',
      field,
      runs: { starts, classes, classCount: count },
    }),
  };
}

function boundedIntervals({ lows, highs }: Bounds): Intervals {
  const predicates = new Int32Array(lows.length);
  for (let i = 0; i < predicates.length; i++) predicates[i] = i + 1;
  return { count: lows.length, lows, highs, predicates };
}

function listedIntervals(conditions: readonly Condition[]): Intervals | undefined {
  const sets: IntervalSet[] = [];
  for (let i = 0; i < conditions.length; i++) {
    const { set } = conditions[i]!;
    if (set === undefined) return undefined;
    sets.push(set);
  }
  return intervalsOf(sets);
}

/** The intervals of sets, of which the first is that of predicate 1. */
export function intervalsOf(sets: readonly IntervalSet[]): Intervals {
  let count = 0;
  for (let i = 0; i < sets.length; i++) count += sets[i]!.length;
  const lows = new Uint32Array(count);
  const highs = new Uint32Array(count);
  const predicates = new Int32Array(count);
  let place = 0;
  for (let i = 0; i < sets.length; i++) {
    const set = sets[i]!;
    for (let j = 0; j < set.length; j++) {
      const each = set[j]!;
      lows[place] = each.low;
      highs[place] = each.high;
      predicates[place++] = i + 1;
    }
  }
  return { count, lows, highs, predicates };
}

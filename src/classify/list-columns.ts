// What the decisions of a list ask, as columns: of each field a number per decision, which is the condition's id.
//
// A list is read many times, and its conditions are objects anywhere on the heap: to follow one costs as much as reading a
// run of numbers. So they are followed once. A list that shares its beginning and its end with one of before takes the
// columns of both from there, and only what is new is looked at.

import { commonEnds } from '../base/common-ends.ts';
import { intersect } from '../base/intervals.ts';
import type { Field } from '../base/predicate.ts';
import { onlyInterval } from './conditions.ts';
import type { Condition, DecisionList } from './decision-list.ts';

export interface ListColumns {
  /** Those of the list; two decisions that ask the same have the same array, nearly always. */
  readonly conditions: DecisionList['conditions'];
  /** Of each decision the number of its conditions. */
  readonly counts: Uint8Array;
  /** Of each decision the fields it asks for: bit 0 for the first of `KnownConditions.fields`, and so on. */
  readonly asked: Int32Array;
  /** By number of a field, of each decision the id of its condition, 0 for none; absent where no decision has one. */
  readonly ids: readonly (Int32Array | undefined)[];
}

/** The conditions of some lists, by id. */
export class KnownConditions {
  /** Those that are asked for, numbered as they came. */
  readonly fields: Field[] = [];
  private readonly numbers = new Map<Field, number>();
  private readonly conditions: Condition[] = [];
  /** Number of the field, and 1; 0 for an id that is not known. */
  private fieldsOf = new Uint8Array(1024);
  /** 1 for a condition that is one interval; its bounds. */
  private areIntervals = new Uint8Array(1024);
  private lows = new Uint32Array(1024);
  private highs = new Uint32Array(1024);

  /** Makes room for ids up to a last one, and for some more that come with edits. */
  expect(last: number): void {
    const least = last + 1 + (last >> 4);
    if (least > this.fieldsOf.length) this.grow(least);
  }

  /** Ids are smaller. */
  get end(): number {
    return this.fieldsOf.length;
  }

  at(id: number): Condition {
    return this.conditions[id]!;
  }

  /** The number of the condition's field. */
  fieldOf(id: number): number {
    return this.fieldsOf[id]! - 1;
  }

  /** The intervals of conditions, if each is one. */
  bounds(ids: Int32Array): Bounds | undefined {
    const { areIntervals } = this;
    const lows = new Uint32Array(ids.length);
    const highs = new Uint32Array(ids.length);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (areIntervals[id] === 0) return undefined;
      lows[i] = this.lows[id]!;
      highs[i] = this.highs[id]!;
    }
    return { lows, highs };
  }

  /** Whether no value meets two conditions of a field, as far as that is easily told. */
  exclude(a: number, b: number): boolean {
    if (this.areIntervals[a] === 1 && this.areIntervals[b] === 1) {
      return this.highs[a]! < this.lows[b]! || this.highs[b]! < this.lows[a]!;
    }
    const [one, other] = [this.at(a).set, this.at(b).set];
    return one !== undefined && other !== undefined && intersect(one, other).length === 0;
  }

  /** Makes a condition known; returns the number of its field. */
  add(condition: Condition): number {
    const { id, field } = condition;
    if (id < this.fieldsOf.length && this.fieldsOf[id] !== 0) return this.fieldsOf[id]! - 1;
    if (id >= this.fieldsOf.length) this.grow(2 * id);
    let number = this.numbers.get(field);
    if (number === undefined) {
      number = this.fields.push(field) - 1;
      this.numbers.set(field, number);
    }
    this.fieldsOf[id] = number + 1;
    this.conditions[id] = condition;
    const only = onlyInterval(condition);
    if (only === undefined) return number;
    this.areIntervals[id] = 1;
    this.lows[id] = only.low;
    this.highs[id] = only.high;
    return number;
  }

  private grow(end: number): void {
    while (this.conditions.length < end) this.conditions.push(NOTHING);
    const [fieldsOf, areIntervals] = [new Uint8Array(end), new Uint8Array(end)];
    fieldsOf.set(this.fieldsOf);
    areIntervals.set(this.areIntervals);
    const [lows, highs] = [new Uint32Array(end), new Uint32Array(end)];
    lows.set(this.lows);
    highs.set(this.highs);
    Object.assign(this, { fieldsOf, areIntervals, lows, highs });
  }
}

/** Of each condition of a field its least and its greatest value. */
export interface Bounds {
  readonly lows: Uint32Array;
  readonly highs: Uint32Array;
}

/** In place of conditions whose id is not known. */
const NOTHING: Condition = { id: 0, field: 'protocol', literals: [] };

/** The columns of a list; `before` are those of a list that may be much the same. */
export function listColumns(
  { length, conditions }: Pick<DecisionList, 'length' | 'conditions'>,
  known: KnownConditions,
  before?: ListColumns,
): ListColumns {
  const { front, back } = commonEnds(before?.conditions ?? [], conditions);
  const end = length - back;
  const counts = new Uint8Array(length);
  const asked = new Int32Array(length);
  const ids: (Int32Array | undefined)[] = [];
  if (before !== undefined) {
    keepEnds(before.counts, counts, front, back);
    keepEnds(before.asked, asked, front, back);
    for (const column of before.ids) ids.push(column && keepEnds(column, new Int32Array(length), front, back));
  }
  for (let i = front; i < end; i++) {
    const own = conditions[i]!;
    counts[i] = own.length;
    for (let j = 0; j < own.length; j++) {
      const condition = own[j]!;
      const field = known.add(condition);
      asked[i]! |= 1 << field;
      while (ids.length <= field) ids.push(undefined);
      ids[field] ??= new Int32Array(length);
      ids[field][i] = condition.id;
    }
  }
  return { conditions, counts, asked, ids };
}

function keepEnds<T extends Uint8Array | Int32Array>(from: T, to: T, front: number, back: number): T {
  to.set(from.subarray(0, front));
  to.set(from.subarray(from.length - back), to.length - back);
  return to;
}

/** The columns of the first decisions of a list. */
export function firstColumns({ conditions, counts, asked, ids }: ListColumns, length: number): ListColumns {
  if (length === conditions.length) return { conditions, counts, asked, ids };
  return {
    conditions: conditions.slice(0, length),
    counts: counts.subarray(0, length),
    asked: asked.subarray(0, length),
    ids: ids.map((column) => column?.subarray(0, length)),
  };
}

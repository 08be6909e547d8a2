// The conditions of decisions, and what a decision asks in all: equal ones are one object.
//
// A condition is what is asked of one field. Where the field is a number it is the set of values that meet it: literals
// of one field are joined by intersection, masks are written out as intervals while they are few. A device condition
// stays a list of literals, in one form whatever order they came in. A *vector* is a conjunction of conditions, at
// most one for each field, and known by its number. All are numbered, so that what is made of them is kept by number.

import { complement, type Interval, type IntervalSet, intersect, interval, union } from '../base/intervals.ts';
import {
  CONNECTION_FIELDS,
  type DeviceField,
  evaluatePredicate,
  FIELD_MAXIMUM,
  type Field,
  type FieldValues,
  type Literal,
  type NumericField,
  WIDE_FIELDS,
  type WideField,
} from '../base/predicate.ts';
import { complementWide, intersectWide, WIDE_MAXIMUM, type WideIntervalSet } from '../base/wide-intervals.ts';
import type { Condition } from './decision-list.ts';
import { IntPairs } from './int-pairs.ts';
import { type DeviceLiteral, joinDevices, literalText, maskedSet } from './literals.ts';
import { ALWAYS, inOrder, type NumberedCondition, type Vector, Vectors } from './vectors.ts';

/** A condition, or what is no condition: a question that always or never holds. */
export type Answer = Condition | boolean;

/** In the order in which rules ask for them, as far as there is one. */
const FIELDS: readonly Field[] = [
  'src',
  'dst',
  'src6',
  'dst6',
  'inDevice',
  'outDevice',
  'forwardable',
  'malformed',
  'protocol',
  'fragment',
  'transportLength',
  'sport',
  'dport',
  'tcpFlags',
  'icmp',
  ...CONNECTION_FIELDS,
];
const FIELD_NUMBERS = Object.fromEntries(FIELDS.map((field, number) => [field, number])) as Record<Field, number>;

/** One bit for each field, for the fields of a vector. */
export function fieldBit(field: Field): number {
  return 1 << FIELD_NUMBERS[field];
}

/** Where a condition's field is in the order of all fields, from 0. */
export function fieldPlace(condition: Condition): number {
  return (condition as NumberedCondition).place;
}

/** In the fields of a vector: some condition's values are too many intervals, so that no table can be made of it. */
export const UNLISTED = 1 << 30;

/** Sets of at most this many intervals are asked as a set; others by the literals they were made of. */
const FEW_INTERVALS = 4;

/**
 * A condition of one interval: large rulesets have very many, and more than its bounds is seldom asked for. These are kept
 * as signed numbers, as larger ones would each be an object.
 */
class IntervalCondition implements NumberedCondition, Interval {
  readonly id: number;
  readonly place: number;
  private readonly first: number;
  private readonly last: number;

  constructor(id: number, place: number, low: number, high: number) {
    this.id = id;
    this.place = place;
    this.first = low | 0;
    this.last = high | 0;
  }

  get field(): NumericField {
    return FIELDS[this.place] as NumericField;
  }

  get bits(): number {
    return 1 << this.place;
  }

  get low(): number {
    return this.first >>> 0;
  }

  get high(): number {
    return this.last >>> 0;
  }

  get set(): IntervalSet {
    return interval(this.low, this.high);
  }

  get literals(): readonly Literal[] {
    return [{ predicate: { kind: 'in', field: this.field, set: this.set }, negated: false }];
  }
}

/** The conditions of one interval of a field, by its bounds. */
interface FieldIntervals {
  readonly bounds: IntPairs;
  readonly conditions: Condition[];
}

/** All conditions and vectors that one compiler has met. */
export class ConditionTable {
  private conditionCount = 0;
  private readonly vectors = new Vectors();
  /** By place of a field. */
  private readonly intervals: readonly FieldIntervals[] = FIELDS.map(() => ({
    bounds: new IntPairs(),
    conditions: [],
  }));
  /** Conditions of other sets, and of devices, by their text. */
  private readonly others = new Map<string, Condition>();
  private readonly devices = new WeakMap<DeviceLiteral, Answer>();
  private readonly andPairs = new IntPairs();
  private readonly andResults: (Condition | false)[] = [];
  private readonly bothPairs = new IntPairs();
  private readonly bothResults: (Vector | undefined)[] = [];

  /** Ids of conditions are this at most. */
  get lastId(): number {
    return this.conditionCount;
  }

  /** How many vectors there are; their numbers are smaller. */
  get vectorCount(): number {
    return this.vectors.count;
  }

  /** The conditions of a vector, in the order of `FIELDS`. */
  conditionsOf(vector: Vector): readonly Condition[] {
    return this.vectors.conditions(vector);
  }

  /** Bit `fieldBit(field)` of every field that a vector asks, and `UNLISTED`. */
  fieldsOf(vector: Vector): number {
    return this.vectors.fields(vector);
  }

  /** What a literal asks. */
  condition(literal: Literal): Answer {
    const { predicate, negated } = literal;
    if (predicate.kind === 'device') return this.deviceOf(literal as DeviceLiteral);
    if (predicate.kind === 'wide') {
      return this.wide(predicate.field, negated ? complementWide(predicate.set) : predicate.set);
    }
    if (predicate.kind === 'maskedWide') return this.unlisted(predicate.field, [literal]);
    const { field } = predicate;
    if (predicate.kind === 'in' && !negated && predicate.set.length === 1) {
      const { low, high } = predicate.set[0]!;
      return this.interval(field, low, high);
    }
    const maximum = FIELD_MAXIMUM[field];
    const positive = predicate.kind === 'in' ? predicate.set : maskedSet(predicate.mask, predicate.value, maximum);
    if (positive === undefined) return this.unlisted(field, [literal]);
    return this.ofSet(field, negated ? complement(positive, maximum) : positive, [literal]);
  }

  /** What it asks of a field to be from `low` to `high`. */
  interval(field: NumericField, low: number, high: number): Answer {
    if (low === 0 && high === FIELD_MAXIMUM[field]) return true;
    const place = FIELD_NUMBERS[field];
    const { bounds, conditions } = this.intervals[place]!;
    const number = bounds.number(low | 0, high | 0);
    if (number === conditions.length) conditions.push(new IntervalCondition(++this.conditionCount, place, low, high));
    return conditions[number]!;
  }

  /** Both conditions of one field. */
  and(a: Condition, b: Condition): Condition | false {
    if (a === b) return a;
    const pair = a.id < b.id ? this.andPairs.number(a.id, b.id) : this.andPairs.number(b.id, a.id);
    if (pair === this.andResults.length) this.andResults.push(this.join(a, b));
    return this.andResults[pair]!;
  }

  /** Either of two conditions of one numeric field, whose sets are known. */
  or(a: Condition, b: Condition): Condition | true {
    const field = a.field as NumericField;
    const set = union(a.set!, b.set!);
    const answer = this.ofSet(field, set, [{ predicate: { kind: 'in', field, set }, negated: false }]);
    if (answer === false) throw new Error('a condition is never false');
    return answer;
  }

  /** The vector of some conditions of different fields. */
  vector(conditions: readonly Condition[]): Vector {
    // A copy, as what grew by `push` has room for many more.
    return this.vectors.number(inOrder(conditions).slice());
  }

  /** The vector of conditions in the order of their fields; keeps the array. */
  vectorOf(sorted: readonly Condition[]): Vector {
    return this.vectors.number(sorted);
  }

  /** The vector of some conditions of different fields, if it has been asked for before. */
  find(conditions: readonly Condition[]): Vector | undefined {
    return this.vectors.find(inOrder(conditions));
  }

  /** What two vectors ask together; nothing where no packet can meet both. */
  both(a: Vector, b: Vector): Vector | undefined {
    if (a === b || b === ALWAYS) return a;
    if (a === ALWAYS) return b;
    const pair = this.bothPairs.number(a, b);
    if (pair === this.bothResults.length) this.bothResults.push(this.joinVectors(a, b));
    return this.bothResults[pair];
  }

  /** What is left of a vector without the fields of some bits. */
  without(vector: Vector, fields: number): Vector {
    if ((this.fieldsOf(vector) & fields) === 0) return vector;
    return this.vector(this.conditionsOf(vector).filter(({ field }) => (fieldBit(field) & fields) === 0));
  }

  private joinVectors(a: Vector, b: Vector): Vector | undefined {
    const [first, second] = [this.conditionsOf(a), this.conditionsOf(b)];
    if ((this.fieldsOf(a) & this.fieldsOf(b)) === 0) return this.vector([...first, ...second]);
    const joined = [...first];
    for (const condition of second) {
      const place = joined.findIndex(({ field }) => field === condition.field);
      if (place === -1) {
        joined.push(condition);
        continue;
      }
      const and = this.and(joined[place]!, condition);
      if (and === false) return undefined;
      joined[place] = and;
    }
    return this.vector(joined);
  }

  private join(a: Condition, b: Condition): Condition | false {
    const literals = [...a.literals, ...b.literals];
    const { field } = a;
    if (field === 'inDevice' || field === 'outDevice') return sure(this.device(field, literals as DeviceLiteral[]));
    if (isWideField(field)) return this.joinWide(field, a, b);
    if (a.set === undefined || b.set === undefined) {
      const one = [a, b].find(({ set }) => set?.length === 1 && set[0]!.low === set[0]!.high);
      if (one === undefined) return sure(this.unlisted(field, literals));
      const values = { [field]: one.set![0]!.low } as unknown as FieldValues;
      return literals.every(({ predicate, negated }) => evaluatePredicate(predicate, values) !== negated) && one;
    }
    const set = intersect(a.set, b.set);
    return sure(
      this.ofSet(
        field,
        set,
        set.length <= FEW_INTERVALS ? [{ predicate: { kind: 'in', field, set }, negated: false }] : literals,
      ),
    );
  }

  /** Both of two conditions of a wide field. */
  private joinWide(field: WideField, a: Condition, b: Condition): Condition | false {
    const [first, second] = [wideSet(a), wideSet(b)];
    if (first !== undefined && second !== undefined) return sure(this.wide(field, intersectWide(first, second)));
    return sure(this.unlisted(field, [...a.literals, ...b.literals]));
  }

  private ofSet(field: NumericField, set: IntervalSet, literals: readonly Literal[]): Answer {
    if (set.length === 0) return false;
    if (set.length === 1) return this.interval(field, set[0]!.low, set[0]!.high);
    const key = `${field} ${set.map((each) => `${each.low}-${each.high}`).join()}`;
    return this.other(key, field, literals, set);
  }

  /** A condition whose values are too many intervals to list. */
  private unlisted(field: NumericField | WideField, literals: readonly Literal[]): Answer {
    const texts = new Map(literals.map((literal) => [literalText(literal), literal]));
    const sorted = [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
    return this.other(
      sorted.map(([text]) => text).join(),
      field,
      sorted.map(([, literal]) => literal),
    );
  }

  private wide(field: WideField, set: WideIntervalSet): Answer {
    if (set.length === 0) return false;
    if (set.length === 1 && set[0]!.low === 0n && set[0]!.high === WIDE_MAXIMUM) return true;
    const literal = { predicate: { kind: 'wide', field, set }, negated: false } as const;
    return this.other(literalText(literal), field, [literal]);
  }

  /** What one literal asks of a device. Rules that name the same device share it, so it is known by what it is. */
  private deviceOf(literal: DeviceLiteral): Answer {
    let answer = this.devices.get(literal);
    if (answer === undefined) {
      answer = this.device(literal.predicate.field, [literal]);
      this.devices.set(literal, answer);
    }
    return answer;
  }

  private device(field: DeviceField, literals: readonly DeviceLiteral[]): Answer {
    const joined = joinDevices(field, literals);
    if (joined === undefined) return false;
    if (joined.length === 0) return true;
    return this.other(joined.map(literalText).join(), field, joined);
  }

  private other(key: string, field: Field, literals: readonly Literal[], set?: IntervalSet): Condition {
    let condition = this.others.get(key);
    if (condition === undefined) {
      const place = FIELD_NUMBERS[field];
      const plain = { id: ++this.conditionCount, place, field, literals, ...(set !== undefined && { set }) };
      const numbered: NumberedCondition = { ...plain, bits: (1 << place) | (isIndexable(plain) ? 0 : UNLISTED) };
      condition = numbered;
      this.others.set(key, condition);
    }
    return condition;
  }
}

/** Whether code can look the condition up: its values are known, or it is about a device or a wide field. */
export function isIndexable(condition: Condition): boolean {
  const { field, set } = condition;
  if (isWideField(field)) return wideSet(condition) !== undefined;
  return set !== undefined || field === 'inDevice' || field === 'outDevice';
}

const WIDE: ReadonlySet<Field> = new Set(WIDE_FIELDS);

/** The interval of a condition whose values are one. */
export function onlyInterval(condition: Condition): Interval | undefined {
  if (condition instanceof IntervalCondition) return condition;
  const { set } = condition;
  return set?.length === 1 ? set[0] : undefined;
}

function isWideField(field: Field): field is WideField {
  return WIDE.has(field);
}

/** The values that meet a condition of a wide field; nothing where some literal is a mask with holes. */
export function wideSet({ literals: [first, ...others] }: Condition): WideIntervalSet | undefined {
  return first?.predicate.kind === 'wide' && others.length === 0 ? first.predicate.set : undefined;
}

function sure(answer: Answer): Condition | false {
  if (answer === true) throw new Error('two conditions are never always true together');
  return answer;
}

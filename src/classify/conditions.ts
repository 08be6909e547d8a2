// The conditions of decisions, and what a decision asks in all: equal ones are one object.
//
// A condition is what is asked of one field. Where the field is a number it is the set of values that meet it: literals
// of one field are joined by intersection, masks are written out as intervals while they are few. A device condition
// stays a list of literals, in one form whatever order they came in. A *vector* is a conjunction of conditions, at
// most one for each field. All are numbered, so that what is made of them is kept by number.

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
import { TripleIndex } from '../graph/triple-index.ts';
import type { Condition } from './decision-list.ts';
import { IntPairs } from './int-pairs.ts';
import { type DeviceLiteral, joinDevices, literalText, maskedSet } from './literals.ts';

/** What one decision asks: all conditions must hold. Equal vectors are one object. */
export interface ConditionVector {
  /** Counts from 0, which asks nothing. */
  readonly number: number;
  /** At most one for each field, in the order of `FIELDS`. */
  readonly conditions: readonly Condition[];
  /** Bit `fieldBit(field)` of every field that is asked, and `UNLISTED`. */
  readonly fields: number;
}

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

/** One bit for each field, for `ConditionVector.fields`. */
export function fieldBit(field: Field): number {
  return 1 << FIELD_NUMBERS[field];
}

/** Where a condition's field is in the order of all fields, from 0. */
export function fieldPlace(condition: Condition): number {
  return (condition as NumberedCondition).place;
}

/** In `ConditionVector.fields`: some condition's values are too many intervals, so that no table can be made of it. */
export const UNLISTED = 1 << 30;

/** Sets of at most this many intervals are asked as a set; others by the literals they were made of. */
const FEW_INTERVALS = 4;

/** The conditions of a table know the place of their field, and what they are in `ConditionVector.fields`. */
interface NumberedCondition extends Condition {
  readonly place: number;
  readonly bits: number;
}

/** A condition of one interval: large rulesets have very many, and more than its bounds is seldom asked for. */
class IntervalCondition implements NumberedCondition, Interval {
  readonly id: number;
  readonly place: number;
  readonly bits: number;
  readonly field: NumericField;
  readonly low: number;
  readonly high: number;

  constructor(id: number, place: number, field: NumericField, low: number, high: number) {
    this.id = id;
    this.place = place;
    this.bits = 1 << place;
    this.field = field;
    this.low = low;
    this.high = high;
  }

  get set(): IntervalSet {
    return interval(this.low, this.high);
  }

  get literals(): readonly Literal[] {
    return [{ predicate: { kind: 'in', field: this.field, set: this.set }, negated: false }];
  }
}

/** All conditions and vectors that one compiler has met. */
export class ConditionTable {
  /** The vector that asks nothing. */
  readonly always: ConditionVector;
  private conditionCount = 0;
  private readonly vectors: ConditionVector[] = [];
  private hashes = new Int32Array(1024);
  /** Number of a vector + 1 by hash of its ids, 0 where free; at most half full. */
  private places = new Int32Array(1024);
  /** Conditions of one interval, by field and bounds; of other sets, and of devices, by their text. */
  private readonly intervals = new TripleIndex();
  private readonly intervalConditions: Condition[] = [];
  private readonly others = new Map<string, Condition>();
  private readonly devices = new WeakMap<DeviceLiteral, Answer>();
  private readonly andPairs = new IntPairs();
  private readonly andResults: (Condition | false)[] = [];
  private readonly bothPairs = new IntPairs();
  private readonly bothResults: (ConditionVector | undefined)[] = [];

  constructor() {
    this.always = this.vector([]);
  }

  /** How many vectors there are; their numbers are smaller. */
  get vectorCount(): number {
    return this.vectors.length;
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
    const maximum = FIELD_MAXIMUM[field];
    const positive = predicate.kind === 'in' ? predicate.set : maskedSet(predicate.mask, predicate.value, maximum);
    if (positive === undefined) return this.unlisted(field, [literal]);
    return this.ofSet(field, negated ? complement(positive, maximum) : positive, [literal]);
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
  vector(conditions: readonly Condition[]): ConditionVector {
    // A copy, as what grew by `push` has room for many more.
    return this.vectorOf(inOrder(conditions).slice());
  }

  /** The vector of conditions in the order of their fields; keeps the array. */
  vectorOf(sorted: readonly Condition[]): ConditionVector {
    const hash = hashOf(sorted);
    const place = this.place(sorted, hash);
    const known = this.places[place]!;
    if (known !== 0) return this.vectors[known - 1]!;
    let fields = 0;
    for (let i = 0; i < sorted.length; i++) fields |= (sorted as readonly NumberedCondition[])[i]!.bits;
    const vector = { number: this.vectors.length, conditions: sorted, fields };
    this.vectors.push(vector);
    this.places[place] = this.vectors.length;
    this.hashes[vector.number] = hash;
    if (this.vectors.length * 2 > this.places.length) this.grow();
    return vector;
  }

  /** The vector of some conditions of different fields, if it has been asked for before. */
  find(conditions: readonly Condition[]): ConditionVector | undefined {
    const sorted = inOrder(conditions);
    return this.vectors[this.places[this.place(sorted, hashOf(sorted))]! - 1];
  }

  /** What two vectors ask together; nothing where no packet can meet both. */
  both(a: ConditionVector, b: ConditionVector): ConditionVector | undefined {
    if (a === b || b.number === 0) return a;
    if (a.number === 0) return b;
    const pair = this.bothPairs.number(a.number, b.number);
    if (pair === this.bothResults.length) this.bothResults.push(this.joinVectors(a, b));
    return this.bothResults[pair];
  }

  /** What is left of a vector without the fields of some bits. */
  without(vector: ConditionVector, fields: number): ConditionVector {
    if ((vector.fields & fields) === 0) return vector;
    return this.vector(vector.conditions.filter(({ field }) => (fieldBit(field) & fields) === 0));
  }

  private joinVectors(a: ConditionVector, b: ConditionVector): ConditionVector | undefined {
    if ((a.fields & b.fields) === 0) return this.vector([...a.conditions, ...b.conditions]);
    const joined = [...a.conditions];
    for (const condition of b.conditions) {
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
    const { low, high } = set[0]!;
    if (set.length > 1) {
      const key = `${field} ${set.map((each) => `${each.low}-${each.high}`).join()}`;
      return this.other(key, field, literals, set);
    }
    if (low === 0 && high === FIELD_MAXIMUM[field]) return true;
    const place = FIELD_NUMBERS[field];
    const known = this.intervals.get(place, low | 0, high | 0);
    if (known !== undefined) return this.intervalConditions[known]!;
    const condition = new IntervalCondition(++this.conditionCount, place, field, low, high);
    this.intervals.set(place, low | 0, high | 0, this.intervalConditions.length);
    this.intervalConditions.push(condition);
    return condition;
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

  /** Where the vector of sorted conditions is, or the free place where it belongs. */
  private place(sorted: readonly Condition[], hash: number): number {
    const mask = this.places.length - 1;
    let place = hash & mask;
    for (let number = this.places[place]!; number !== 0; number = this.places[place]!) {
      if (this.hashes[number - 1] === hash && isEqual(this.vectors[number - 1]!.conditions, sorted)) return place;
      place = (place + 1) & mask;
    }
    return place;
  }

  private grow(): void {
    const hashes = new Int32Array(this.places.length * 2);
    hashes.set(this.hashes);
    this.hashes = hashes;
    this.places = new Int32Array(this.places.length * 2);
    const mask = this.places.length - 1;
    for (let number = 0; number < this.vectors.length; number++) {
      let place = this.hashes[number]! & mask;
      while (this.places[place] !== 0) place = (place + 1) & mask;
      this.places[place] = number + 1;
    }
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

/** In the order of their fields: not of their ids, which depend on what the compiler has met before. */
function inOrder(conditions: readonly Condition[]): readonly Condition[] {
  const numbered = conditions as readonly NumberedCondition[];
  for (let i = 1; i < numbered.length; i++) {
    if (numbered[i - 1]!.place > numbered[i]!.place) return [...numbered].sort((a, b) => a.place - b.place);
  }
  return numbered;
}

function hashOf(sorted: readonly Condition[]): number {
  let hash = sorted.length;
  for (let i = 0; i < sorted.length; i++) hash = Math.imul(hash ^ sorted[i]!.id, 0x9e3779b1) ^ (hash >>> 15);
  return hash ^ (hash >>> 16);
}

function isEqual(a: readonly Condition[], b: readonly Condition[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

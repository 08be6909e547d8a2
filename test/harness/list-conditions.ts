// Conditions for random decision lists, and values that meet them.
//
// Every condition is made around a value that meets it, out of literals that are not constant, so none of them is. Values
// come from small pools: conditions of one list are then often equal, nested or next to each other.

import { complement, type IntervalSet, intersect, interval, normalize } from '../../src/base/intervals.ts';
import { prefixMask } from '../../src/base/ipv4.ts';
import {
  CONNECTION_FIELDS,
  type DeviceField,
  evaluatePredicate,
  FIELD_MAXIMUM,
  type Field,
  type FieldValues,
  formatPredicate,
  type Literal,
  type NumericField,
  type Predicate,
  WIDE_FIELDS,
  type WideField,
} from '../../src/base/predicate.ts';
import {
  complementWide,
  intersectWide,
  normalizeWide,
  WIDE_MAXIMUM,
  type WideIntervalSet,
} from '../../src/base/wide-intervals.ts';
import type { Condition } from '../../src/classify/decision-list.ts';
import type { Choice } from './random.ts';

/** Of what connection tracking knows, `state` alone: the others are fields like any. */
export const NUMERIC_FIELDS = (Object.keys(FIELD_MAXIMUM) as readonly NumericField[]).filter(
  (field) => field === 'state' || !(CONNECTION_FIELDS as readonly Field[]).includes(field),
);
export const DEVICE_FIELDS: readonly DeviceField[] = ['inDevice', 'outDevice'];
/** Of those of 128 bits, what a packet has by itself. */
export const PACKET_WIDE_FIELDS = WIDE_FIELDS.filter(
  (field) => !(CONNECTION_FIELDS as readonly Field[]).includes(field),
);
export const ALL_FIELDS: readonly Field[] = [...NUMERIC_FIELDS, ...PACKET_WIDE_FIELDS, ...DEVICE_FIELDS];

/** What an IPv4 packet has at a hook that knows no connection states. */
export const IPV4_FIELDS: readonly Field[] = [
  ...(['src', 'dst', 'protocol', 'fragment', 'transportLength', 'sport', 'dport', 'tcpFlags', 'icmp'] as const),
  ...DEVICE_FIELDS,
];

export type FieldValue = number | bigint | string;

/** Names that are beginnings of one another, the empty one, and one of the greatest length. */
export const DEVICE_NAMES = [
  '',
  'l',
  'lo',
  'eth',
  'eth0',
  'eth00',
  'eth01',
  'veth0',
  'a23456789012345',
  'a23456789012346',
];

/** A mask with holes in an address is left without a set beyond this many intervals. */
const MOST_INTERVALS = 256;

const known = new Map<string, Condition>();

/** The condition that all of these literals, of one field, make together. Equal ones are one object. */
export function makeCondition(field: Field, asked: readonly Literal[]): Condition {
  const literals = joinWide(asked);
  const set = isNumeric(field) ? setOf(field, literals) : undefined;
  const texts = literals.map(({ predicate, negated }) => `${negated ? '! ' : ''}${formatPredicate(predicate)}`).sort();
  const key = set === undefined ? texts.join() : `${field} ${set.map(({ low, high }) => `${low}-${high}`).join()}`;
  let condition = known.get(key);
  if (condition === undefined) {
    condition = { id: known.size + 1, field, literals, ...(set !== undefined && { set }) };
    known.set(key, condition);
  }
  return condition;
}

/** Literals of sets of wide values as one that is not negated, which is the form that conditions of them have. */
function joinWide(literals: readonly Literal[]): readonly Literal[] {
  let set: WideIntervalSet = [{ low: 0n, high: WIDE_MAXIMUM }];
  for (const { predicate, negated } of literals) {
    if (predicate.kind !== 'wide') return literals;
    set = intersectWide(set, negated ? complementWide(predicate.set) : predicate.set);
  }
  const { field } = literals[0]!.predicate as Extract<Predicate, { kind: 'wide' }>;
  return [{ predicate: { kind: 'wide', field, set }, negated: false }];
}

/** The condition that the field's value lies in the set. */
export function setCondition(field: NumericField, set: IntervalSet): Condition {
  return makeCondition(field, [{ predicate: { kind: 'in', field, set }, negated: false }]);
}

/** Whether a packet with these values meets the condition. */
export function meets(condition: Condition, fields: FieldValues): boolean {
  return condition.literals.every(({ predicate, negated }) => evaluatePredicate(predicate, fields) !== negated);
}

/** A condition that `value` meets, and not every value does. */
export function randomCondition(choice: Choice, field: Field, value: FieldValue): Condition {
  const count = choice.weighted([
    [8, 1],
    [2, 2],
    [1, 3],
  ]);
  const literals = Array.from({ length: count }, () => randomLiteral(choice, field, value));
  return makeCondition(field, literals);
}

function randomLiteral(choice: Choice, field: Field, value: FieldValue): Literal {
  for (;;) {
    const predicate = isNumeric(field)
      ? randomNumeric(choice, field, value as number)
      : isDevice(field)
        ? randomDevice(choice, field, value as string)
        : randomWide(choice, field, value as bigint);
    if (isConstant(predicate)) continue;
    const holds = evaluatePredicate(predicate, { [field]: value } as unknown as FieldValues);
    return { predicate, negated: !holds };
  }
}

function randomDevice(choice: Choice, field: DeviceField, value: string): Predicate {
  const base = choice.chance(0.6) ? value : choice.pick(DEVICE_NAMES);
  const name = choice.chance(0.3) ? base.slice(0, choice.integer(0, base.length)) : base;
  return { kind: 'device', field, name, prefix: choice.chance(0.4) };
}

function randomNumeric(choice: Choice, field: NumericField, value: number): Predicate {
  const maximum = FIELD_MAXIMUM[field];
  const bits = 32 - Math.clz32(maximum);
  const near = (): number => clamp(value + choice.integer(-2, 2), maximum);
  const wide = (low: number, high: number): IntervalSet => interval(Math.min(low, high), Math.max(low, high));
  const edge = (): number => choice.pick([0, 1, maximum, maximum - 1, value, near(), choice.integer(0, maximum)]);
  const kind = choice.weighted([
    [6, 'one'],
    [4, 'prefix'],
    [4, 'range'],
    [2, 'several'],
    [maximum === 0xff ? 6 : 1, 'masked'],
  ] as const);
  switch (kind) {
    case 'one':
      return { kind: 'in', field, set: interval(choice.chance(0.8) ? value : edge()) };
    case 'prefix': {
      const host = ~(bits === 32 ? prefixMask(choice.integer(1, 32)) : -(2 ** choice.integer(0, bits - 1))) >>> 0;
      const low = (value & ~host) >>> 0;
      return { kind: 'in', field, set: interval(low, Math.min(maximum, (low | host) >>> 0)) };
    }
    case 'range':
      return { kind: 'in', field, set: wide(choice.chance(0.5) ? value : edge(), edge()) };
    case 'several':
      return {
        kind: 'in',
        field,
        set: normalize(Array.from({ length: choice.integer(2, 5) }, () => wide(edge(), near())).flat()),
      };
    case 'masked': {
      const mask = (choice.chance(0.5) ? choice.integer(1, maximum) : choice.pick([1, 2, 0x17, 0x81])) & maximum;
      return { kind: 'masked', field, mask: mask >>> 0, value: (mask & (choice.chance(0.7) ? value : edge())) >>> 0 };
    }
  }
}

function randomWide(choice: Choice, field: WideField, value: bigint): Predicate {
  const edge = (): bigint => choice.pick([0n, value, value, value | 5n, WIDE_MAXIMUM, WIDE_MAXIMUM >> 64n]);
  const several = Array.from({ length: choice.pick([1, 1, 1, 3]) }, () => {
    if (choice.chance(0.5)) {
      const host = (1n << BigInt(choice.pick([0, 1, 16, 63, 64, 65, 80, choice.integer(0, 127)]))) - 1n;
      const low = edge() & ~host;
      return { low, high: low | host };
    }
    const [a, b] = [edge(), edge()];
    return a < b ? { low: a, high: b } : { low: b, high: a };
  });
  return { kind: 'wide', field, set: normalizeWide(several) };
}

/** A value at the border of the condition: inside as often as just outside. */
export function valueAt(choice: Choice, condition: Condition): FieldValue {
  const { field, literals, set } = condition;
  if (isDevice(field)) {
    const { name } = choice.pick(literals).predicate as Extract<Predicate, { kind: 'device' }>;
    return choice.pick([name, `${name}x`.slice(0, 15), name.slice(0, -1), choice.pick(DEVICE_NAMES)]);
  }
  if (!isNumeric(field)) {
    const { set: wide } = choice.pick(literals).predicate as Extract<Predicate, { kind: 'wide' }>;
    const { low, high } = choice.pick(wide);
    const near = choice.pick([low, high, low === 0n ? low : low - 1n, high === WIDE_MAXIMUM ? high : high + 1n]);
    return choice.chance(0.8) ? near : (low + high) / 2n;
  }
  const maximum = FIELD_MAXIMUM[field];
  if (set !== undefined && set.length > 0) {
    const { low, high } = choice.pick(set);
    return choice.pick([low, high, choice.integer(low, high), clamp(low - 1, maximum), clamp(high + 1, maximum)]);
  }
  const { predicate } = choice.pick(literals);
  if (predicate.kind !== 'masked') return choice.integer(0, maximum);
  const around = (choice.integer(0, maximum) & ~predicate.mask) >>> 0;
  const spoil = choice.chance(0.3) ? 1 << choice.integer(0, 31) : 0;
  return ((predicate.value | around) ^ (spoil & maximum)) >>> 0;
}

/** The values that meet all literals, or `undefined` where they are too many intervals. */
function setOf(field: NumericField, literals: readonly Literal[]): IntervalSet | undefined {
  const maximum = FIELD_MAXIMUM[field];
  let all: IntervalSet = interval(0, maximum);
  for (const { predicate, negated } of literals) {
    const set =
      predicate.kind === 'in' ? predicate.set : predicate.kind === 'masked' ? maskedSet(predicate) : undefined;
    if (set === undefined) return undefined;
    all = intersect(all, negated ? complement(set, maximum) : set);
  }
  return all;
}

/** Every value with the bits under the mask: the holes above its lowest bit are counted through. */
function maskedSet({ field, mask, value }: Extract<Predicate, { kind: 'masked' }>): IntervalSet | undefined {
  const maximum = FIELD_MAXIMUM[field];
  if ((value & ~mask) !== 0 || mask > maximum) return undefined;
  const lowest = (mask & -mask) >>> 0;
  const holes = (maximum & ~mask & ~(lowest - 1)) >>> 0;
  const found: { low: number; high: number }[] = [];
  for (let bits = 0; ; bits = (((bits | ~holes) >>> 0) + 1) & holes) {
    if (found.length > 0 && bits === 0) break;
    if (maximum > 0xffff && found.length === MOST_INTERVALS) return undefined;
    const low = (value | bits) >>> 0;
    found.push({ low, high: (low + lowest - 1) >>> 0 });
  }
  return normalize(found);
}

function isConstant(predicate: Predicate): boolean {
  switch (predicate.kind) {
    case 'in':
      return predicate.set.length === 0 || complement(predicate.set, FIELD_MAXIMUM[predicate.field]).length === 0;
    case 'masked':
      return predicate.mask === 0;
    case 'wide':
      return predicate.set.length === 0 || complementWide(predicate.set).length === 0;
    case 'maskedWide':
      return predicate.mask === 0n;
    case 'device':
      return predicate.prefix && predicate.name === '';
  }
}

function isDevice(field: Field): field is DeviceField {
  return field === 'inDevice' || field === 'outDevice';
}

export function isNumeric(field: Field): field is NumericField {
  return !isDevice(field) && !(WIDE_FIELDS as readonly Field[]).includes(field);
}

function clamp(value: number, maximum: number): number {
  return Math.max(0, Math.min(maximum, value));
}

// The raw-mask finish, for lists whose decisions all look at the packet through one of few masks: exact addresses and
// ports, one network size. The masked header itself is the key of a hash, and no index is asked.
//
// A field is in keys as it is where every condition on it is "these bits have this value". Any other field, a device
// or a range of ports, is there by its class, which a lookup finds; a decision that holds in several classes has an entry
// for each. Fields lie in the one or two words of a key, the lowest bits are the number of the mask, from 1:
//
//   word 0:  number of the mask | field | field …          word 1:  field | field …
//   entry:   key:64 [key:64]   word:32 number:32 [0:64]    exact-hash.ts; outcome word and decision as in tuples.ts
//
// Each mask costs one probe, in the order of their first decisions; the earliest decision found applies.

import type { Interval } from '../../base/intervals.ts';
import { FIELD_MAXIMUM, type Field, type NumericField } from '../../base/predicate.ts';
import type { Component, NumberLists, Variable } from '../components.ts';
import type { DecisionList } from '../decision-list.ts';
import type { Bounds } from '../list-columns.ts';
import type { ListField } from '../list-fields.ts';
import { addOutcome, type Otherwise, otherwiseOf, wordOf } from './ends.ts';
import { type ExactHash, HashEntries, putHash } from './exact-hash.ts';
import { type FinishInput, isOverflow, type Overflow } from './finish.ts';
import { invert } from './tuples-layers.ts';

/** Where a field is in a key. */
export interface KeyField {
  readonly field: Field;
  /** Where its class is known by that; absent where the field is in the key as it is. */
  readonly variable?: Variable;
  readonly word: 0 | 1;
  readonly shift: number;
  /** Bits. */
  readonly width: number;
}

export interface MasksFinish {
  readonly kind: 'masks';
  readonly fields: readonly KeyField[];
  /** Per mask the bits of each key word that it leaves; its number, not masked, is its place here and 1. */
  readonly masks: readonly (readonly bigint[])[];
  readonly hash: ExactHash;
  readonly otherwise: Otherwise;
}

/** Bits of a mask's number. */
const NUMBER_BITS = 4;
const MOST_MASKS = (1 << NUMBER_BITS) - 1;
/** Entries per decision, all told, for decisions that hold in several classes. */
const MOST_COPIES = 4;

/** Per predicate of a field the bits it asks for and their value; 0 for predicate 0. */
interface FieldBits {
  readonly masks: Uint32Array;
  readonly values: Uint32Array;
}

/** What a list asks of each field, and of the fields that can be in keys as they are their bits. */
export interface RawFields {
  readonly fields: readonly ListField[];
  readonly bits: ReadonlyMap<Field, FieldBits>;
  /** The others: they are in keys by their class. */
  readonly byClass: readonly Field[];
}

export interface MasksInput extends FinishInput {
  readonly raw: RawFields;
}

/** Reads each condition once. */
export function rawFields(fields: readonly ListField[]): RawFields {
  const bits = new Map<Field, FieldBits>();
  const byClass: Field[] = [];
  for (const each of fields) {
    const found = bitsOf(each);
    if (found === undefined) byClass.push(each.field);
    else bits.set(each.field, found);
  }
  return { fields, bits, byClass };
}

/** Builds the table. `components` are those of the fields by class, one a field, of the field's name. */
export function buildMasks(input: MasksInput): { readonly result: MasksFinish } | Overflow {
  const { list, raw, pool, budget, components, outcomes } = input;
  const keyFields = layOut(raw.fields, components);
  if (isOverflow(keyFields)) return keyFields;
  const parts = keyFields.map((at) =>
    partOf(
      at,
      raw,
      components.find(({ name }) => name === at.field),
    ),
  );
  const length = decided(list, input.raw);
  if (isOverflow(length)) return length;
  const most = Math.min(budget.masks, MOST_MASKS);
  const keyWords = keyFields.some(({ word }) => word === 1) ? 2 : 1;
  const masked = maskDecisions(parts, length.decisions, keyWords, most);
  if (masked === undefined) return { overflow: `masks: more than ${most}` };
  const starts = placeEntries(parts, length.decisions, list.length * MOST_COPIES);
  if (starts === undefined) return { overflow: 'masks: too many classes' };
  const entries = makeEntries(input, parts, masked.ofDecision, starts, keyWords);
  for (let each = 0; each < length.decisions; each++) addOutcome(list, each, outcomes);
  return {
    result: {
      kind: 'masks',
      fields: keyFields,
      masks: masked.masks,
      hash: putHash('masks', entries.place(), pool),
      otherwise: otherwiseOf(list, length.decisions, outcomes),
    },
  };
}

/** How many decisions there are before the first that always applies, or the end; all must end the list. */
function decided(list: DecisionList, { fields }: RawFields): { readonly decisions: number } | Overflow {
  const isAsked = new Uint8Array(list.length);
  for (const { ofDecision } of fields) {
    for (let i = 0; i < isAsked.length; i++) if (ofDecision[i] !== 0) isAsked[i] = 1;
  }
  const { then, length } = list;
  let decisions = 0;
  for (; decisions < length; decisions++) {
    const end = then[decisions]!;
    if (end > decisions && end < length) return { overflow: `masks: decision ${decisions} does not end` };
    if (isAsked[decisions] === 0) break;
  }
  return { decisions };
}

/** Places every field that is asked for, wide ones first. */
function layOut(fields: readonly ListField[], components: readonly Component[]): KeyField[] | Overflow {
  const widths = fields.map(({ field }) => {
    const component = components.find(({ name }) => name === field);
    const maximum = component === undefined ? FIELD_MAXIMUM[field as NumericField] : component.classCount - 1;
    return { field, component, width: Math.max(1, 32 - Math.clz32(maximum)) };
  });
  const total = widths.reduce((sum, { width }) => sum + width, NUMBER_BITS);
  const words = total <= 64 ? 1 : 2;
  const used = [NUMBER_BITS, 0];
  const placed: KeyField[] = [];
  for (const { field, component, width } of widths.sort((a, b) => b.width - a.width)) {
    const word = used.findIndex((bits, w) => w < words && bits + width <= 64);
    if (word < 0) return { overflow: `masks: keys of ${total} bits, 128 at most` };
    placed.push({
      field,
      word: word as 0 | 1,
      shift: used[word]!,
      width,
      ...(component !== undefined && { variable: component.variable }),
    });
    used[word]! += width;
  }
  return placed;
}

/** What the predicates of a field put into keys. */
interface KeyPart {
  readonly at: KeyField;
  readonly ofDecision: Int32Array;
  /** Per predicate the bits it asks for, 0 for predicate 0. */
  readonly masks: Uint32Array;
  /** Per predicate the value of the field that is in keys, 0 for predicate 0; absent where the field is there by its class. */
  readonly values?: Uint32Array;
  /** Per predicate the classes that are in keys. */
  readonly classes?: NumberLists;
}

function partOf(at: KeyField, { fields, bits }: RawFields, component: Component | undefined): KeyPart {
  if (component !== undefined) {
    const { classes, classCount, predicateCount, ofDecision } = component;
    const masks = new Uint32Array(predicateCount + 1).fill(2 ** at.width - 1, 1);
    return { at, ofDecision, masks, classes: invert(classes, classCount, predicateCount + 1) };
  }
  const { ofDecision } = fields.find(({ field }) => field === at.field)!;
  return { at, ofDecision, ...bits.get(at.field)! };
}

/** Decisions by their masks. */
interface Masked {
  /** Of each decision the number of its mask, from 0, in the order of their first decisions. */
  readonly ofDecision: Uint8Array;
  /** The words of each mask. */
  readonly masks: readonly (readonly bigint[])[];
}

/** The masks of the first `length` decisions, unless they are more than `most`. */
function maskDecisions(parts: readonly KeyPart[], length: number, keyWords: number, most: number): Masked | undefined {
  let ofDecision = new Uint8Array(length);
  let halves = [new Uint32Array(4)];
  for (const { at, ofDecision: predicates, masks } of parts) {
    const { kinds, kindOf } = maskKinds(masks);
    const combined = combineMasks(ofDecision, predicates, kindOf, halves.length, kinds.length, most);
    if (combined === undefined) return undefined;
    ofDecision = combined.ofDecision;
    halves = Array.from(combined.pairs, (pair) => {
      const mask = halves[Math.floor(pair / kinds.length)]!.slice();
      put(mask, 0, at, kinds[pair % kinds.length]!);
      return mask;
    });
  }
  return {
    ofDecision,
    masks: halves.map((each) => Array.from({ length: keyWords }, (_, word) => wordAt(each, 2 * word))),
  };
}

/** The numbers of pairs of a mask so far and a kind of a field's, as they come, and which each decision has. */
function combineMasks(
  before: Uint8Array,
  predicates: Int32Array,
  kindOf: Int32Array,
  masks: number,
  kinds: number,
  most: number,
): { readonly ofDecision: Uint8Array<ArrayBuffer>; readonly pairs: readonly number[] } | undefined {
  // A field alone may have too many, of which most are never combined.
  const numbers = new Int32Array(masks * kinds).fill(-1);
  const ofDecision = new Uint8Array(before.length);
  const pairs: number[] = [];
  for (let i = 0; i < ofDecision.length; i++) {
    const pair = before[i]! * kinds + kindOf[predicates[i]!]!;
    if (numbers[pair]! < 0) {
      if (pairs.length === most) return undefined;
      numbers[pair] = pairs.push(pair) - 1;
    }
    ofDecision[i] = numbers[pair]!;
  }
  return { ofDecision, pairs };
}

/** The different masks of a field's predicates, and which each has. */
function maskKinds(masks: Uint32Array): { readonly kinds: readonly number[]; readonly kindOf: Int32Array } {
  const numbers = new Map<number, number>();
  const kindOf = new Int32Array(masks.length);
  for (let predicate = 0; predicate < masks.length; predicate++) {
    const mask = masks[predicate]!;
    let number = numbers.get(mask);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(mask, number);
    }
    kindOf[predicate] = number;
  }
  return { kinds: [...numbers.keys()], kindOf };
}

/** Of each decision where its entries begin, one for each combination of values; nothing where these are too many. */
function placeEntries(parts: readonly KeyPart[], length: number, most: number): Int32Array | undefined {
  const starts = new Int32Array(length + 1);
  const several = parts.filter(({ classes }) => classes !== undefined);
  for (let i = 0; i < length; i++) {
    let copies = 1;
    for (const { ofDecision, classes } of several) {
      const predicate = ofDecision[i]!;
      if (predicate !== 0) copies *= classes!.offsets[predicate + 1]! - classes!.offsets[predicate]!;
    }
    // Compared first, as an element of the array holds no more than 32 bits of it.
    if (starts[i]! + copies > most) return undefined;
    starts[i + 1] = starts[i]! + copies;
  }
  return starts;
}

/** The entries of all decisions, in their order. */
function makeEntries(
  { list }: MasksInput,
  parts: readonly KeyPart[],
  maskOf: Uint8Array,
  starts: Int32Array,
  keyWords: 1 | 2,
): HashEntries {
  const length = maskOf.length;
  const entries = new HashEntries(keyWords, keyWords === 1 ? 16 : 32, starts[length]!);
  entries.take(starts[length]!);
  const { words, size } = entries;
  for (let decision = 0; decision < length; decision++) {
    const word = wordOf(list, decision);
    for (let at = starts[decision]! * size; at < starts[decision + 1]! * size; at += size) {
      words[at] = maskOf[decision]! + 1;
      words[at + 2 * keyWords] = word;
      words[at + 2 * keyWords + 1] = decision;
    }
  }
  for (const { at, ofDecision, values } of parts) if (values) putValues(at, ofDecision, values, words, size, starts);
  /** Of each decision after how many entries the next class of a field follows. */
  const every = new Int32Array(length).fill(1);
  for (const { at, ofDecision, classes } of parts) {
    if (classes) putClasses(at, ofDecision, classes, words, size, starts, every);
  }
  return entries;
}

/** Puts the values of a field into the keys of entries of `size` halves. */
function putValues(
  at: KeyField,
  ofDecision: Int32Array,
  values: Uint32Array,
  words: Uint32Array,
  size: number,
  starts: Int32Array,
): void {
  for (let decision = 0; decision < starts.length - 1; decision++) {
    const predicate = ofDecision[decision]!;
    if (predicate === 0) continue;
    const end = starts[decision + 1]! * size;
    for (let entry = starts[decision]! * size; entry < end; entry += size) put(words, entry, at, values[predicate]!);
  }
}

/** Puts a field's classes into the keys of entries, each combination with those of the fields before once. */
function putClasses(
  at: KeyField,
  ofDecision: Int32Array,
  { offsets, items }: NumberLists,
  words: Uint32Array,
  size: number,
  starts: Int32Array,
  every: Int32Array,
): void {
  for (let decision = 0; decision < every.length; decision++) {
    const predicate = ofDecision[decision]!;
    if (predicate === 0) continue;
    const start = starts[decision]!;
    const from = offsets[predicate]!;
    const count = offsets[predicate + 1]! - from;
    for (let entry = start; entry < starts[decision + 1]!; entry++) {
      const place = count === 1 ? 0 : Math.floor((entry - start) / every[decision]!) % count;
      put(words, entry * size, at, items[from + place]!);
    }
    if (count > 1) every[decision]! *= count;
  }
}

/** The bits of all conditions of a field, if each is "these bits have this value". */
function bitsOf({ field, conditions, bounds }: ListField): FieldBits | undefined {
  if (!(field in FIELD_MAXIMUM)) return undefined;
  const maximum = FIELD_MAXIMUM[field as NumericField];
  if (bounds !== undefined) return prefixBits(bounds, maximum);
  const masks = new Uint32Array(conditions.length + 1);
  const values = new Uint32Array(conditions.length + 1);
  for (let i = 0; i < conditions.length; i++) {
    const { literals, set } = conditions[i]!;
    if (set?.length === 1 && isAligned(set[0]!)) {
      const { low, high } = set[0]!;
      masks[i + 1] = maximum - (high - low);
      values[i + 1] = low;
      continue;
    }
    const [only, ...others] = literals;
    if (only === undefined || others.length > 0 || only.negated || only.predicate.kind !== 'masked') return undefined;
    const { mask, value } = only.predicate;
    if ((value & ~mask) !== 0) return undefined;
    masks[i + 1] = mask;
    values[i + 1] = value;
  }
  return { masks, values };
}

/** The bits of conditions of one interval each, if that is all values that begin with the same bits. */
function prefixBits({ lows, highs }: Bounds, maximum: number): FieldBits | undefined {
  const masks = new Uint32Array(lows.length + 1);
  const values = new Uint32Array(lows.length + 1);
  for (let i = 0; i < lows.length; i++) {
    const low = lows[i]!;
    const host = highs[i]! - low;
    if ((host & (host + 1)) !== 0 || (low & host) !== 0) return undefined;
    masks[i + 1] = maximum - host;
    values[i + 1] = low;
  }
  return { masks, values };
}

/** Whether all values of an interval, and no others, begin with the same bits. */
function isAligned({ low, high }: Interval): boolean {
  const host = high - low;
  return (host & (host + 1)) === 0 && (low & host) === 0;
}

/** Puts a value at a field's place in the key that begins at `key`. */
function put(halves: Uint32Array, key: number, { word, shift }: KeyField, value: number): void {
  const low = key + 2 * word;
  if (shift >= 32) {
    halves[low + 1]! |= value << (shift - 32);
    return;
  }
  halves[low]! |= value << shift;
  if (shift > 0) halves[low + 1]! |= value >>> (32 - shift);
}

function wordAt(halves: Uint32Array, at: number): bigint {
  return (BigInt(halves[at + 1]!) << 32n) | BigInt(halves[at]!);
}

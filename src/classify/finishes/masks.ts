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
import { IntPairs } from '../int-pairs.ts';
import type { ListField } from '../list-fields.ts';
import { addOutcome, goesOn, type Otherwise, otherwiseOf, skips, wordOf } from './ends.ts';
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
  const most = Math.min(budget.masks, MOST_MASKS);
  const entries = new Entries(parts, list.length);
  let decision = 0;
  for (; decision < list.length; decision++) {
    if (goesOn(list, decision) || skips(list, decision))
      return { overflow: `masks: decision ${decision} does not end` };
    if (list.conditions[decision]!.length === 0) break;
    if (!entries.add(decision, wordOf(list, decision))) return { overflow: 'masks: too many classes' };
    if (entries.masks.length > most) return { overflow: `masks: more than ${most}` };
  }
  for (let each = 0; each < decision; each++) addOutcome(list, each, outcomes);
  return {
    result: {
      kind: 'masks',
      fields: keyFields,
      masks: entries.masks,
      hash: putHash('masks', entries.hash.place(), pool),
      otherwise: otherwiseOf(list, decision, outcomes),
    },
  };
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
  /** Per predicate the values of the field that are in keys: one, but for a field that is there by its class. */
  readonly values: NumberLists;
}

function partOf(at: KeyField, { fields, bits }: RawFields, component: Component | undefined): KeyPart {
  if (component !== undefined) {
    const { classes, classCount, predicateCount, ofDecision } = component;
    const masks = new Uint32Array(predicateCount + 1).fill(2 ** at.width - 1, 1);
    return { at, ofDecision, masks, values: invert(classes, classCount, predicateCount + 1) };
  }
  const { masks, values } = bits.get(at.field)!;
  const { ofDecision } = fields.find(({ field }) => field === at.field)!;
  const offsets = Int32Array.from({ length: values.length + 1 }, (_, predicate) => predicate);
  return { at, ofDecision, masks, values: { offsets, items: new Int32Array(values.buffer) } };
}

/** Makes the entries of decisions, one after the other. */
class Entries {
  readonly hash: HashEntries;
  /** The words of each mask, as they come. */
  readonly masks: bigint[][] = [];
  private readonly parts: readonly KeyPart[];
  private readonly keyWords: 1 | 2;
  private readonly maskNumbers = new IntPairs();
  private readonly numbers = new Map<number, number>();
  private room: number;
  /** The mask of a decision, in halves of words. */
  private readonly mask = new Uint32Array(4);

  constructor(parts: readonly KeyPart[], decisions: number) {
    this.parts = parts;
    this.keyWords = parts.some(({ at }) => at.word === 1) ? 2 : 1;
    this.room = decisions * MOST_COPIES;
    this.hash = new HashEntries(this.keyWords, this.keyWords === 1 ? 16 : 32, decisions);
  }

  /** Adds a decision; false where all have too many entries. */
  add(decision: number, word: number): boolean {
    const { parts, hash, keyWords, mask } = this;
    mask.fill(0);
    let copies = 1;
    for (const { at, ofDecision, masks, values } of parts) {
      const predicate = ofDecision[decision]!;
      if (predicate === 0) continue;
      put(mask, at, masks[predicate]!);
      copies *= values.offsets[predicate + 1]! - values.offsets[predicate]!;
    }
    this.room -= copies;
    if (this.room < 0) return false;
    const number = this.maskNumber();
    for (let copy = 0; copy < copies; copy++) {
      const to = hash.next();
      const { words } = hash;
      words[to] = number + 1;
      let rest = copy;
      for (const { at, ofDecision, values } of parts) {
        const predicate = ofDecision[decision]!;
        if (predicate === 0) continue;
        const from = values.offsets[predicate]!;
        const count = values.offsets[predicate + 1]! - from;
        put(words, at, values.items[from + (rest % count)]!, to);
        rest = Math.floor(rest / count);
      }
      words[to + 2 * keyWords] = word;
      words[to + 2 * keyWords + 1] = decision;
    }
    return true;
  }

  /** The number of the mask, from 0. */
  private maskNumber(): number {
    let name = -1;
    for (const half of this.mask) name = this.maskNumbers.number(name, half | 0);
    let number = this.numbers.get(name);
    if (number === undefined) {
      number = this.masks.push(Array.from({ length: this.keyWords }, (_, word) => wordAt(this.mask, 2 * word))) - 1;
      this.numbers.set(name, number);
    }
    return number;
  }
}

/** The bits of all conditions of a field, if each is "these bits have this value". */
function bitsOf({ field, conditions }: ListField): FieldBits | undefined {
  if (!(field in FIELD_MAXIMUM)) return undefined;
  const maximum = FIELD_MAXIMUM[field as NumericField];
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

/** Whether all values of an interval, and no others, begin with the same bits. */
function isAligned({ low, high }: Interval): boolean {
  const host = high - low;
  return (host & (host + 1)) === 0 && (low & host) === 0;
}

/** Puts a value at a field's place in the key whose halves begin at `from`. */
function put(halves: Uint32Array, { word, shift }: KeyField, value: number, from = 0): void {
  const low = from + 2 * word;
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

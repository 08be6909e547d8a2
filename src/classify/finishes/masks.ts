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

import { FIELD_MAXIMUM, type Field, type NumericField } from '../../base/predicate.ts';
import type { Component, NumberLists, Variable } from '../components.ts';
import type { Condition, DecisionList } from '../decision-list.ts';
import { IntPairs } from '../int-pairs.ts';
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

/** Bits of a field under a mask, and their value. */
interface Bits {
  readonly mask: number;
  readonly value: number;
}

/** The fields that are in keys by their class, in the order in which they are met. */
export function fieldsByClass({ conditions }: Pick<DecisionList, 'conditions'>): Field[] {
  const fields = new Set<Field>();
  const known = new Set<Condition>();
  for (const each of conditions) {
    for (const condition of each) {
      if (known.has(condition)) continue;
      known.add(condition);
      if (bitsOf(condition) === undefined) fields.add(condition.field);
    }
  }
  return [...fields];
}

/** Builds the table. `components` are those of `fieldsByClass`, one a field, of the field's name. */
export function buildMasks(input: FinishInput): { readonly result: MasksFinish } | Overflow {
  const { list, pool, budget, components, outcomes } = input;
  const layout = layOut(list, components);
  if (isOverflow(layout)) return layout;
  const entries = new Entries(layout, components, list.length * MOST_COPIES);
  const most = Math.min(budget.masks, MOST_MASKS);
  const masks = new Map<number, number>();
  const maskWords: bigint[][] = [];
  let decision = 0;
  for (; decision < list.length && list.conditions[decision]!.length > 0; decision++) {
    if (goesOn(list, decision) || skips(list, decision)) {
      return { overflow: `masks: decision ${decision} does not end` };
    }
    const name = entries.read(list.conditions[decision]!, decision);
    let mask = masks.get(name);
    if (mask === undefined) {
      if (masks.size === most) return { overflow: `masks: more than ${most}` };
      mask = maskWords.push(entries.maskWords) - 1;
      masks.set(name, mask);
    }
    if (!entries.add(mask, wordOf(list, decision), decision)) return { overflow: 'masks: too many classes' };
  }
  if (decision < list.length && (goesOn(list, decision) || skips(list, decision))) {
    return { overflow: `masks: decision ${decision} does not end` };
  }
  for (let each = 0; each < decision; each++) addOutcome(list, each, outcomes);
  return {
    result: {
      kind: 'masks',
      fields: layout.fields,
      masks: maskWords,
      hash: putHash('masks', entries.hash.place(), pool),
      otherwise: otherwiseOf(list, decision, outcomes),
    },
  };
}

interface Layout {
  readonly fields: readonly KeyField[];
  readonly keyWords: 1 | 2;
  readonly fieldOf: ReadonlyMap<Field, KeyField>;
}

/** Places every field that is asked for, wide ones first. */
function layOut({ conditions }: DecisionList, components: readonly Component[]): Layout | Overflow {
  const asked = new Set<Field>();
  for (const each of conditions) for (const { field } of each) asked.add(field);
  const widths = [...asked].map((field) => {
    const component = components.find(({ name }) => name === field);
    const maximum = component === undefined ? FIELD_MAXIMUM[field as NumericField] : component.classCount - 1;
    return { field, component, width: widthOf(maximum) };
  });
  const total = widths.reduce((sum, { width }) => sum + width, NUMBER_BITS);
  const keyWords = total <= 64 ? 1 : 2;
  const used = [NUMBER_BITS, 0];
  const fields: KeyField[] = [];
  for (const { field, component, width } of widths.sort((a, b) => b.width - a.width)) {
    const word = used.findIndex((bits, w) => w < keyWords && bits + width <= 64);
    if (word < 0) return { overflow: `masks: keys of ${total} bits, 128 at most` };
    fields.push({
      field,
      word: word as 0 | 1,
      shift: used[word]!,
      width,
      ...(component !== undefined && { variable: component.variable }),
    });
    used[word]! += width;
  }
  return { fields, keyWords, fieldOf: new Map(fields.map((each) => [each.field, each])) };
}

/** Makes the entries of decisions, one after the other. */
class Entries {
  readonly hash: HashEntries;
  private readonly layout: Layout;
  private readonly known = new Map<Condition, Bits>();
  private readonly classesOf = new Map<KeyField, Holding>();
  private readonly maskNumbers = new IntPairs();
  private room: number;
  /** Key and mask of the decision that was read last, in halves of words, and what is in its key by class. */
  private readonly key = new Uint32Array(4);
  private readonly mask = new Uint32Array(4);
  private readonly byClass: { at: KeyField; predicate: number }[] = [];

  constructor(layout: Layout, components: readonly Component[], room: number) {
    this.layout = layout;
    this.room = room;
    this.hash = new HashEntries(layout.keyWords, layout.keyWords === 1 ? 16 : 32, room);
    for (const { name, classes, classCount, predicateCount, ofDecision } of components) {
      const at = layout.fieldOf.get(name as Field);
      if (at === undefined) continue;
      const mask = 2 ** at.width - 1;
      this.classesOf.set(at, { mask, ofDecision, classes: invert(classes, classCount, predicateCount + 1) });
    }
  }

  /** Takes in what a decision asks; the number of its mask, from 0, as masks come. */
  read(conditions: readonly Condition[], decision: number): number {
    const { key, mask, byClass, classesOf } = this;
    key.fill(0);
    mask.fill(0);
    byClass.length = 0;
    for (const condition of conditions) {
      const at = this.layout.fieldOf.get(condition.field)!;
      const holding = classesOf.get(at);
      if (holding === undefined) {
        const bits = this.bitsOf(condition);
        put(key, at, bits.value);
        put(mask, at, bits.mask);
      } else {
        put(mask, at, holding.mask);
        byClass.push({ at, predicate: holding.ofDecision[decision]! });
      }
    }
    let number = -1;
    for (const half of mask) number = this.maskNumbers.number(number, half | 0);
    return number;
  }

  /** The mask of the decision that was read, by key word. */
  get maskWords(): bigint[] {
    return Array.from({ length: this.layout.keyWords }, (_, word) => wordAt(this.mask, 2 * word));
  }

  /** Adds the decision that was read; false where all have too many entries. */
  add(mask: number, word: number, decision: number): boolean {
    const { key, byClass, classesOf, hash } = this;
    let copies = 1;
    for (const { at, predicate } of byClass) {
      const { offsets } = classesOf.get(at)!.classes;
      copies *= offsets[predicate + 1]! - offsets[predicate]!;
    }
    this.room -= copies;
    if (this.room < 0) return false;
    const halves = 2 * this.layout.keyWords;
    for (let copy = 0; copy < copies; copy++) {
      const to = hash.next();
      const { words } = hash;
      for (let half = 0; half < halves; half++) words[to + half] = key[half]!;
      words[to]! |= mask + 1;
      let rest = copy;
      for (const { at, predicate } of byClass) {
        const { offsets, items } = classesOf.get(at)!.classes;
        const from = offsets[predicate]!;
        const count = offsets[predicate + 1]! - from;
        put(words, at, items[from + (rest % count)]!, to);
        rest = Math.floor(rest / count);
      }
      words[to + halves] = word;
      words[to + halves + 1] = decision;
    }
    return true;
  }

  private bitsOf(condition: Condition): Bits {
    const known = this.known.get(condition);
    if (known !== undefined) return known;
    const bits = bitsOf(condition)!;
    this.known.set(condition, bits);
    return bits;
  }
}

/** A field's classes, by predicate. */
interface Holding {
  readonly mask: number;
  readonly ofDecision: Int32Array;
  readonly classes: NumberLists;
}

/** A condition as bits under a mask, if it is that. */
function bitsOf({ field, literals, set }: Condition): Bits | undefined {
  if (!(field in FIELD_MAXIMUM)) return undefined;
  const maximum = FIELD_MAXIMUM[field as NumericField];
  if (set?.length === 1) {
    const { low, high } = set[0]!;
    const size = high - low + 1;
    const isAligned = Number.isInteger(Math.log2(size)) && low % size === 0;
    if (isAligned) return { mask: maximum - (size - 1), value: low };
  }
  const only = literals.length === 1 && !literals[0]!.negated ? literals[0]!.predicate : undefined;
  return only?.kind === 'masked' && (only.value & ~only.mask) === 0
    ? { mask: only.mask, value: only.value }
    : undefined;
}

function widthOf(maximum: number): number {
  return Math.max(1, 32 - Math.clz32(maximum));
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

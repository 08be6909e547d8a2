// The pruned-tuple finish, for lists that are too large to be tabulated.
//
// Each class of each component has a record: a bitmap of the tuples that it leaves possible, and the predicates that it
// holds, by layer (tuples-layers.ts, tuples-plan.ts, tuples-records.ts). The bitmaps of a packet's classes are ANDed.
// Of the decisions that stand alone the lowest bit left applies; of the tuples left each is probed, those first whose
// first decision comes first, until no other can have an earlier one than was found:
//
//   key of a probe:    tag, then the predicates of the tuple's layers, each at its component's shift
//   entry of the hash: key:64   word:32 number:32   [id:32 next:32 offset:32 0:32]       exact-hash.ts
//
// `word` is the outcome word, or the slot of a decision that goes on; `number` the decision's, so that of two values the
// smaller one belongs to the earlier decision. The second half is there where keys leave a component out that is
// checked: the component's record must have `id` at `offset`; else the entry `next` of the chains is asked, from 1.
//
// Descriptors, 16 bytes a bit, lie in the order of `placeOfBit`, so that no bit has to be counted:
//
//   alone:  word:32 number:32   0:64
//   tuple:  tag:32 number:32    offset of the layer's id in each component's records, 8 bits each
//
// Decisions that go on bump their counters once the decision that ends is known, where they come before it.

import type { Component, Variable } from '../components.ts';
import type { FieldIndex } from '../indexes/field-index.ts';
import type { TableRef } from '../tables.ts';
import { addOutcome, goesOn, type Otherwise, otherwiseOf, skips, wordOf } from './ends.ts';
import { type ExactHash, putHash } from './exact-hash.ts';
import { type FinishInput, isOverflow, type Overflow } from './finish.ts';
import { type HashInput, makeHash, TAG_BITS, tagOf } from './tuples-hash.ts';
import { type Layers, layersOf } from './tuples-layers.ts';
import { type BitRange, type PlannedPart, planTuples, type TuplePlan, UNUSED } from './tuples-plan.ts';
import { makeRecords, mostBits, rangeMask } from './tuples-records.ts';

export interface TupleComponent {
  readonly name: string;
  readonly variable: Variable;
  readonly classCount: number;
  readonly records: TableRef;
  /** Bytes of a record. */
  readonly stride: number;
  readonly idSize: 2 | 4;
  /** Where its predicates are in keys; absent where they are in none. */
  readonly shift?: number;
}

/** Some of the bits, word by word. */
export interface TupleBits {
  /** How many stand for something. */
  readonly count: number;
  readonly masks: readonly bigint[];
  /** How many of them can be set at most, in each word. */
  readonly most: readonly number[];
}

/** The decisions that end, or those that go on. */
export interface TuplePart {
  readonly alone: TupleBits;
  readonly tuples: TupleBits;
  /** Absent without tuples. */
  readonly hash?: ExactHash;
  /** Where there is a checked component: the entries behind the first of each key, and the longest chain of all. */
  readonly chains?: { readonly table: TableRef; readonly longest: number };
}

export interface TuplesFinish {
  readonly kind: 'tuples';
  /** 64-bit words of a bitmap. */
  readonly words: number;
  readonly components: readonly TupleComponent[];
  readonly descriptors: TableRef;
  readonly ending: TuplePart;
  readonly goingOn: TuplePart;
  readonly otherwise: Otherwise;
  /** Number of the component that is checked behind a probe; keys then begin with a 1. */
  readonly checked?: number;
  /** The component whose field is costly to know, found only where one of the bits under `masks` is left. */
  readonly late?: { readonly component: number; readonly index: FieldIndex; readonly masks: readonly bigint[] };
}

export interface TuplesInput extends FinishInput {
  /** The component, by number, that `index` finds only where the others leave it open. */
  readonly late?: { readonly component: number; readonly index: FieldIndex };
}

/** Components whose offsets fit into a descriptor. */
const MOST_COMPONENTS = 8;
const KEY_BITS = 64;
/** Words of a bitmap, whatever the budget says: programs have code for each. */
const MOST_WORDS = 8;
export const DESCRIPTOR_SIZE = 16;

/** Builds the tables; the classes they are for are found by lookups that exist already. */
export function buildTuples(input: TuplesInput): { readonly result: TuplesFinish } | Overflow {
  const { list, components, budget, late } = input;
  for (let decision = 0; decision < list.length; decision++) {
    if (skips(list, decision)) return { overflow: `tuples: decision ${decision} skips some` };
  }
  if (components.length > MOST_COMPONENTS) {
    return { overflow: `tuples: ${components.length} components, ${MOST_COMPONENTS} at most` };
  }
  const layers = components.map(layersOf);
  const bits = Math.min(budget.tuples, 64 * MOST_WORDS);
  const predicates = components.map(({ ofDecision }) => ofDecision);
  // At first keys have all components. Then the one is left out that tells decisions apart least, then another.
  const order = components.map((_, c) => c).filter((c) => c !== late?.component);
  order.sort((a, b) => components[a]!.predicateCount - components[b]!.predicateCount);
  let first: Overflow | undefined;
  for (const checked of [undefined, ...order]) {
    const plan = planTuples({ list, predicates, layers, bits, ...(checked !== undefined && { checked }) });
    const made = isOverflow(plan) ? plan : assemble(input, layers, plan);
    if (!isOverflow(made)) return made;
    first ??= made;
  }
  return first!;
}

/** Makes all tables of a plan, and puts them into the pool if none of them overflows. */
function assemble(
  input: TuplesInput,
  layers: readonly Layers[],
  plan: TuplePlan,
): { readonly result: TuplesFinish } | Overflow {
  const { list, components, pool, late } = input;
  const words = Math.max(1, Math.ceil(plan.first.length / 64));
  const shifts = shiftsOf(components, plan);
  if (isOverflow(shifts)) return shifts;
  const records = components.map((component, c) => makeRecords(component, layers[c]!, c, plan, words));
  const hashInput: HashInput = { list, components, layers, plan, shifts, records };
  const ending = makeHash(hashInput, plan.ending.tuples, wordOf);
  if (isOverflow(ending)) return ending;
  const goingOn = makeHash(hashInput, plan.goingOn.tuples, slotOf);
  if (isOverflow(goingOn)) return goingOn;

  const sized = records.map((each, c) => ({ ...each, classCount: components[c]!.classCount }));
  const bits = (range: BitRange): TupleBits => ({
    count: plan.first.subarray(range.from, range.to).filter((decision) => decision !== UNUSED).length,
    masks: masksOf(rangeMask(range, words)),
    most: mostBits(sized, range, words),
  });
  const part = ({ alone, tuples }: PlannedPart, made: typeof ending, name: string): TuplePart => ({
    alone: bits(alone),
    tuples: bits(tuples),
    ...(made.hash !== undefined && { hash: putHash(`tuples of ${name}`, made.hash, pool) }),
    ...(made.chains !== undefined && {
      chains: { table: pool.put(`chains of ${name}`, made.chains.content), longest: made.chains.longest },
    }),
  });
  return {
    result: {
      kind: 'tuples',
      words,
      components: components.map(({ name, variable, classCount }, c) => ({
        name,
        variable,
        classCount,
        records: pool.put(`records of ${name}`, records[c]!.content),
        stride: records[c]!.stride,
        idSize: records[c]!.idSize,
        ...(shifts[c] !== undefined && { shift: shifts[c] }),
      })),
      descriptors: pool.put('tuple descriptors', makeDescriptors(hashInput, words)),
      ending: part(plan.ending, ending, 'ends'),
      goingOn: part(plan.goingOn, goingOn, 'counters'),
      otherwise: addOutcomes(input, plan),
      ...(plan.checked !== undefined && { checked: plan.checked }),
      ...(late !== undefined && {
        late: { ...late, masks: lateMasks(components[late.component]!.ofDecision, plan, words) },
      }),
    },
  };
}

/** Where each component's predicates are in a key; `undefined` for one that keys leave out. */
function shiftsOf(components: readonly Component[], plan: TuplePlan): (number | undefined)[] | Overflow {
  let next = plan.goingOn.tuples.to > plan.goingOn.tuples.from ? TAG_BITS : plan.checked === undefined ? 0 : 1;
  const shifts = components.map(({ predicateCount }, c) => {
    if (c === plan.checked || predicateCount === 0) return undefined;
    const shift = next;
    next += 32 - Math.clz32(predicateCount);
    return shift;
  });
  return next > KEY_BITS ? { overflow: `tuples: keys of ${next} bits, ${KEY_BITS} at most` } : shifts;
}

function slotOf({ slots }: TuplesInput['list'], decision: number): number {
  return slots[decision]!;
}

/** Numbers the outcomes that packets may come to; gives what applies where no decision with a bit does. */
function addOutcomes({ list, outcomes }: TuplesInput, { length, bitOf }: TuplePlan): Otherwise {
  for (let decision = 0; decision < length; decision++) {
    if (bitOf[decision]! >= 0 && !goesOn(list, decision)) addOutcome(list, decision, outcomes);
  }
  return otherwiseOf(list, length, outcomes);
}

function makeDescriptors({ list, components, layers, plan, records }: HashInput, words: number): Uint32Array {
  const content = new Uint32Array((words * 64 * DESCRIPTOR_SIZE) / 4);
  const bytes = new Uint8Array(content.buffer);
  for (const [bit, decision] of plan.first.entries()) {
    if (decision === UNUSED) continue;
    const at = ((bit >> 6) * 64 + placeOfBit(bit & 63)) * DESCRIPTOR_SIZE;
    content[at / 4 + 1] = decision;
    const isAlone = bit < plan.ending.alone.to || (bit >= plan.goingOn.alone.from && bit < plan.goingOn.alone.to);
    if (isAlone) {
      content[at / 4] = bit < plan.ending.alone.to ? wordOf(list, decision) : slotOf(list, decision);
      continue;
    }
    content[at / 4] = tagOf(plan, bit);
    for (const [c, { ofDecision }] of components.entries()) {
      bytes[at + 8 + c] = records[c]!.idOffset[layers[c]!.of[ofDecision[decision]!]!]!;
    }
  }
  return content;
}

/** A word in which any six neighbouring bits are different everywhere (de Bruijn). */
export const DE_BRUIJN = 0x03f79d71b4cb0a89n;

const PLACES: readonly number[] = Array.from({ length: 64 }, (_, bit) =>
  Number(BigInt.asUintN(64, DE_BRUIJN << BigInt(bit)) >> 58n),
);

/** Which descriptor of its word a bit has: the top six bits of the lone bit times `DE_BRUIJN`. */
export function placeOfBit(bit: number): number {
  return PLACES[bit]!;
}

/** The bits of decisions that ask something of the late component. */
function lateMasks(ofDecision: Int32Array, { bitOf, length }: TuplePlan, words: number): bigint[] {
  const mask = new Uint32Array(2 * words);
  for (let decision = 0; decision < length; decision++) {
    const bit = bitOf[decision]!;
    if (bit >= 0 && ofDecision[decision] !== 0) mask[bit >>> 5]! |= 1 << (bit & 31);
  }
  return masksOf(mask);
}

function masksOf(halves: Uint32Array): bigint[] {
  return Array.from(
    { length: halves.length / 2 },
    (_, w) => (BigInt(halves[2 * w + 1]!) << 32n) | BigInt(halves[2 * w]!),
  );
}

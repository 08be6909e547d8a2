// The hash of the decisions that are told apart by a probe: see tuples.ts for entries and keys.

import type { Component } from '../components.ts';
import type { DecisionList } from '../decision-list.ts';
import { IntPairs } from '../int-pairs.ts';
import { HashEntries, type PlacedEntries } from './exact-hash.ts';
import type { Overflow } from './finish.ts';
import type { Layers } from './tuples-layers.ts';
import type { BitRange, TuplePlan } from './tuples-plan.ts';
import { isIn, type Records } from './tuples-records.ts';

export interface HashInput {
  readonly list: DecisionList;
  readonly components: readonly Component[];
  readonly layers: readonly Layers[];
  readonly records: readonly Records[];
  readonly plan: TuplePlan;
  /** Where each component's predicates are in a key. */
  readonly shifts: readonly (number | undefined)[];
}

export interface MadeHash {
  readonly hash?: PlacedEntries;
  readonly chains?: { readonly content: Uint32Array; readonly longest: number };
}

/** Entries of one key, at most. */
const MOST_CHAINED = 16;

/** Bits of the tag. */
export const TAG_BITS = 10;

/**
 * The lowest bits of a key. Of decisions that go on, the number of their bit and 1: equal ones differ in it. Of those that
 * end, 1 where keys leave a component out, so that none is 0.
 */
export function tagOf(plan: TuplePlan, bit: number): number {
  if (isIn(plan.goingOn.tuples, bit)) return bit + 1;
  return plan.checked === undefined ? 0 : 1;
}

/** Puts the decisions of some bits into a hash; `low` gives the lower half of an entry's value. */
export function makeHash(
  input: HashInput,
  range: BitRange,
  low: (list: DecisionList, decision: number) => number,
): MadeHash | Overflow {
  if (range.from === range.to) return {};
  const decisions = decisionsOf(input.plan, range);
  const made = input.plan.checked === undefined ? plainEntries : chainedEntries;
  return made(input, decisions, low);
}

function decisionsOf({ bitOf, length }: TuplePlan, range: BitRange): Int32Array {
  const found = new Int32Array(length);
  let count = 0;
  const { from, to } = range;
  for (let decision = 0; decision < length; decision++) {
    const bit = bitOf[decision]!;
    if (from <= bit && bit < to) found[count++] = decision;
  }
  return found.subarray(0, count);
}

function plainEntries(
  input: HashInput,
  decisions: Int32Array,
  low: (list: DecisionList, decision: number) => number,
): MadeHash {
  const { list, components, shifts, plan } = input;
  const entries = new HashEntries(1, 16, decisions.length);
  const { words, size } = entries;
  const tags = Uint32Array.from(plan.first, (_, bit) => tagOf(plan, bit));
  for (let i = 0, at = 0; i < decisions.length; i++, at += size) {
    const decision = decisions[i]!;
    words[at] = tags[plan.bitOf[decision]!]!;
    words[at + 2] = low(list, decision);
    words[at + 3] = decision;
  }
  for (const [c, { ofDecision }] of components.entries()) {
    const shift = shifts[c];
    if (shift !== undefined) addToKeys(words, size, decisions, ofDecision, shift);
  }
  entries.take(decisions.length);
  return { hash: entries.place() };
}

/** Entries that may have others of their key behind them: the earliest decision's is in the hash, the others in a chain. */
function chainedEntries(
  input: HashInput,
  decisions: Int32Array,
  low: (list: DecisionList, decision: number) => number,
): MadeHash | Overflow {
  const { list, components, shifts, layers, records, plan } = input;
  const checked = plan.checked!;
  const entries = new HashEntries(1, 32, decisions.length);
  const chains = new Uint32Array(8 * (decisions.length + 1));
  const keys = new IntPairs();
  const key = new Uint32Array(2);
  /** Per key: the entry to which the next one is chained, behind `chains` or in it, and how many there are. */
  const tails = new Int32Array(decisions.length);
  const lengths = new Int32Array(decisions.length);
  let chained = 0;
  let longest = 1;
  for (const decision of decisions) {
    key[0] = tagOf(plan, plan.bitOf[decision]!);
    key[1] = 0;
    for (let c = 0; c < components.length; c++) addToKey(key, 0, components[c]!.ofDecision[decision]!, shifts[c]);
    const number = keys.number(key[0]! | 0, key[1]! | 0);
    const isFirst = lengths[number] === 0;
    const to = isFirst ? entries.words : chains;
    const at = isFirst ? entries.next() : 8 * chained;
    if (!isFirst) {
      const before = tails[number]!;
      if (before >= 0) entries.words[before + 5] = chained + 1;
      else chains[-before - 1 + 5] = chained + 1;
      chained++;
    }
    tails[number] = isFirst ? at : -at - 1;
    longest = Math.max(longest, ++lengths[number]!);
    if (longest > MOST_CHAINED) return { overflow: `tuples: more than ${MOST_CHAINED} entries of one key` };
    to[at] = key[0]!;
    to[at + 1] = key[1]!;
    to[at + 2] = low(list, decision);
    to[at + 3] = decision;
    const predicate = components[checked]!.ofDecision[decision]!;
    to[at + 4] = predicate;
    to[at + 6] = records[checked]!.idOffset[layers[checked]!.of[predicate]!]!;
  }
  return { hash: entries.place(), chains: { content: chains.slice(0, 8 * (chained + 1)), longest } };
}

/** The same for all decisions, whose keys are `size` words from each other. */
function addToKeys(
  words: Uint32Array,
  size: number,
  decisions: Int32Array,
  ofDecision: Int32Array,
  shift: number,
): void {
  const isUpper = shift >= 32;
  const half = isUpper ? 1 : 0;
  for (let i = 0, at = half; i < decisions.length; i++, at += size) words[at]! |= ofDecision[decisions[i]!]! << shift;
  if (isUpper || shift === 0) return;
  for (let i = 0, at = 1; i < decisions.length; i++, at += size)
    words[at]! |= ofDecision[decisions[i]!]! >>> (32 - shift);
}

/** Puts a predicate into the key at `at`, `shift` bits from its lowest. */
function addToKey(words: Uint32Array, at: number, predicate: number, shift: number | undefined): void {
  if (shift === undefined || predicate === 0) return;
  if (shift >= 32) {
    words[at + 1]! |= predicate << (shift - 32);
    return;
  }
  words[at]! |= predicate << shift;
  if (shift > 0) words[at + 1]! |= predicate >>> (32 - shift);
}

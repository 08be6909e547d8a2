// Which decision stands for which bit of the tuple bitmaps.
//
// A tuple is the decisions that ask the same components in the same layers. A bit stands for a tuple, whose decisions
// are told apart by a probe of a hash, or for one decision alone, which needs no probe. Decisions of small tuples are
// alone, and as many more as fit into the last word. Bits are in this order, each part by the number of its first
// decision, so that the lowest bit of a part is the one to ask first:
//
//   ends: alone, tuples     then     decisions that count and go on: alone, tuples
//
// Equal decisions that go on must all be counted, so the second one is put into a tuple of its own, and so on. Equal ones
// that end are one: the first.
//
// Where tuples are too many, those that differ in one component's layer alone are merged (Daly et al., "TupleMerge",
// IEEE/ACM Transactions on Networking 27(4), 2019): keys leave that component out, it is *checked* behind the probe.

import type { DecisionList } from '../decision-list.ts';
import { IntPairs } from '../int-pairs.ts';
import type { Overflow } from './finish.ts';
import { type Layers, NO_LAYER } from './tuples-layers.ts';

/** Bits from `from` up to, not including, `to`. */
export interface BitRange {
  readonly from: number;
  readonly to: number;
}

/** The bits of decisions that end, or of those that go on. */
export interface PlannedPart {
  readonly alone: BitRange;
  readonly tuples: BitRange;
}

export interface TuplePlan {
  /** Decisions from here on have no bits: the one at `length` applies to all that come so far, or there is none. */
  readonly length: number;
  /** The bit of each decision, −1 where it has none. */
  readonly bitOf: Int32Array;
  /** The first decision of each bit; `UNUSED` where no class has the bit. */
  readonly first: Int32Array;
  readonly ending: PlannedPart;
  readonly goingOn: PlannedPart;
  /** Number of the component that keys leave out, if any. */
  readonly checked?: number;
}

export interface PlanInput {
  readonly list: DecisionList;
  /** Per component the predicate of each decision. */
  readonly predicates: readonly Int32Array[];
  readonly layers: readonly Layers[];
  /** Bits at most. */
  readonly bits: number;
  /** A component that keys leave out. */
  readonly checked?: number;
}

/** Tuples of this many decisions or fewer are taken apart. */
const SMALL = 4;
/** Bits of decisions that end alone are so many, or a multiple. */
const PADDED = 16;
/** In place of the first decision of a bit that nobody has. */
export const UNUSED = -1;
/** A list of this many decisions needs no probes at all. */
const WITHOUT_PROBES = 128;

interface Group {
  readonly goesOn: boolean;
  readonly first: number;
  /** Its layers as digits, the first component's lowest, and its kind above them; none where a layer is missing. */
  readonly signature?: number;
  size: number;
  /** The group that took this one in. */
  into?: Group;
  alone?: boolean;
}

/** Kinds of decisions; 0 for one that ends. */
const GOES_ON = 1;
/** It neither ends nor counts. */
const DOES_NOTHING = 2;

/** Numbers the bits, or says why they are too many. Lists must not skip. */
export function planTuples(input: PlanInput): TuplePlan | Overflow {
  const { list, layers, checked, bits } = input;
  const kinds = kindsOf(list);
  const length = reachable(kinds, input.predicates);
  const signatures = (length + 1) * signaturesOf(layers);
  if (signatures > Number.MAX_SAFE_INTEGER) return { overflow: 'tuples: too many layers' };
  const { groups, groupOf } = groupDecisions(input, kinds, length);
  if (checked !== undefined) merge(groups, layers, checked, bits);
  const live = groups.filter((group) => group.into === undefined);
  if (!chooseAlone(live, bits)) return { overflow: `tuples: ${live.length} of them, ${bits} at most` };
  return numberBits(length, live, groups, groupOf, checked);
}

function kindsOf({ length, slots, then }: DecisionList): Uint8Array {
  const kinds = new Uint8Array(length);
  for (let decision = 0; decision + 1 < length; decision++) {
    if (then[decision] === decision + 1) kinds[decision] = slots[decision]! < 0 ? DOES_NOTHING : GOES_ON;
  }
  return kinds;
}

/** The first decision that ends and asks nothing, or the list's length. */
function reachable(kinds: Uint8Array, predicates: readonly Int32Array[]): number {
  // Column by column, as everything here: each is one run of numbers.
  const asks = kinds.slice();
  for (const ofDecision of predicates) {
    for (let decision = 0; decision < asks.length; decision++) if (ofDecision[decision] !== 0) asks[decision] = 1;
  }
  const found = asks.indexOf(0);
  return found < 0 ? kinds.length : found;
}

interface Grouped {
  readonly groups: readonly Group[];
  /** Group of each decision, −1 where it has no effect. */
  readonly groupOf: Int32Array;
}

/** Signatures below are looked up in an array. */
const FEW_SIGNATURES = 1 << 16;

function groupDecisions({ predicates, layers }: PlanInput, kinds: Uint8Array, length: number): Grouped {
  const groups: Group[] = [];
  const groupOf = new Int32Array(length).fill(-1);
  const product = signaturesOf(layers);
  const { signatures, isLayered } = signDecisions(predicates, layers, length);
  const few = new Int32Array(Math.min(product, FEW_SIGNATURES)).fill(-1);
  const others = new Map<number, number>();
  const occurrenceOf = occurrences();
  for (let decision = 0; decision < length; decision++) {
    const kind = kinds[decision]!;
    if (kind === DOES_NOTHING) continue;
    const isOn = kind === GOES_ON;
    if (isLayered[decision] === 0) {
      groupOf[decision] = groups.push({ goesOn: isOn, first: decision, size: 1 }) - 1;
      continue;
    }
    const signature = signatures[decision]! + (isOn ? product * (1 + occurrenceOf(predicates, decision)) : 0);
    const isFew = signature < few.length;
    let group = isFew ? few[signature]! : (others.get(signature) ?? -1);
    if (group < 0) {
      group = groups.push({ goesOn: isOn, first: decision, signature, size: 0 }) - 1;
      if (isFew) few[signature] = group;
      else others.set(signature, group);
    }
    groups[group]!.size++;
    groupOf[decision] = group;
  }
  return { groups, groupOf };
}

/** Per decision its layers as digits, and whether it has all of them. */
function signDecisions(
  predicates: readonly Int32Array[],
  layers: readonly Layers[],
  length: number,
): { readonly signatures: Float64Array; readonly isLayered: Uint8Array } {
  const signatures = new Float64Array(length);
  const isLayered = new Uint8Array(length).fill(1);
  let place = 1;
  for (const [c, ofDecision] of predicates.entries()) {
    const { of, count } = layers[c]!;
    for (let decision = 0; decision < length; decision++) {
      const layer = of[ofDecision[decision]!]!;
      if (layer === NO_LAYER) isLayered[decision] = 0;
      else signatures[decision]! += place * layer;
    }
    place *= count + 1;
  }
  return { signatures, isLayered };
}

/** How many combinations of layers there are. */
function signaturesOf(layers: readonly Layers[]): number {
  return layers.reduce((all, { count }) => all * (count + 1), 1);
}

/** Says how often a decision's predicates have come before. */
function occurrences(): (predicates: readonly Int32Array[], decision: number) => number {
  const vectors = new IntPairs();
  const counts = new Map<number, number>();
  return (predicates, decision) => {
    let vector = -1;
    for (const ofDecision of predicates) vector = vectors.number(vector, ofDecision[decision]!);
    const count = counts.get(vector) ?? 0;
    counts.set(vector, count + 1);
    return count;
  };
}

/** Merges groups that differ in the layer of one component alone, those of the fewest decisions first, down to `most`. */
function merge(groups: readonly Group[], layers: readonly Layers[], checked: number, most: number): void {
  const below = signaturesOf(layers.slice(0, checked));
  const radix = layers[checked]!.count + 1;
  const families = new Map<number, Group[]>();
  for (const group of groups) {
    if (group.signature === undefined) continue;
    const digit = Math.floor(group.signature / below) % radix;
    const name = group.signature - digit * below;
    const family = families.get(name);
    if (family === undefined) families.set(name, [group]);
    else family.push(group);
  }
  const sizeOf = (family: readonly Group[]): number => family.reduce((sum, { size }) => sum + size, 0);
  const sorted = [...families.values()]
    .filter((family) => family.length > 1)
    .map((family) => ({ family, size: sizeOf(family) }))
    .sort((a, b) => a.size - b.size);
  let count = groups.length;
  for (const { family, size } of sorted) {
    if (count <= most) return;
    const [head, ...others] = family as [Group, ...Group[]];
    for (const other of others) other.into = head;
    head.size = size;
    count -= others.length;
  }
}

/** Marks the groups whose decisions stand alone; false where the bits do not suffice. */
function chooseAlone(groups: readonly Group[], most: number): boolean {
  // Decisions that ask nothing have no key, but they are alone: each that goes on is an occurrence of its own.
  for (let small = SMALL; small >= 1; small--) {
    let bits = groups.reduce((sum, { size }) => sum + (size <= small ? size : 1), 0);
    if (bits > most) continue;
    const all = groups.reduce((sum, { size }) => sum + size, 0);
    const needed = Math.max(bits, all <= WITHOUT_PROBES ? all : 0);
    const room = Math.min(most, 64 * Math.ceil(needed / 64));
    for (const group of groups) group.alone = group.size <= small;
    for (const group of [...groups].sort((a, b) => a.size - b.size)) {
      if (group.alone) continue;
      if (bits + group.size - 1 > room) break;
      group.alone = true;
      bits += group.size - 1;
    }
    return true;
  }
  return false;
}

function numberBits(
  length: number,
  live: readonly Group[],
  groups: readonly Group[],
  groupOf: Int32Array,
  checked: number | undefined,
): TuplePlan {
  const bitOf = new Int32Array(length).fill(-1);
  const first: number[] = [];
  /** Of each group whose decisions share a bit, the bit. */
  const bitOfGroup = new Int32Array(groups.length).fill(-1);
  const numberOf = new Map(groups.map((group, number) => [group, number]));
  const homes = Int32Array.from(groups, (group, number) => (group.into ? numberOf.get(group.into)! : number));
  const alone = (isOn: boolean): BitRange => {
    const from = first.length;
    const isAlone = Uint8Array.from(homes, (home) => Number(groups[home]!.goesOn === isOn && groups[home]!.alone));
    if (isAlone.includes(1)) {
      for (let decision = 0; decision < length; decision++) {
        const group = groupOf[decision]!;
        if (group >= 0 && isAlone[group] === 1) bitOf[decision] = first.push(decision) - 1;
      }
    }
    return { from, to: first.length };
  };
  const tuples = (isOn: boolean): BitRange => {
    const from = first.length;
    for (const group of live) {
      if (group.goesOn !== isOn || group.alone === true) continue;
      bitOfGroup[numberOf.get(group)!] = first.push(group.first) - 1;
    }
    return { from, to: first.length };
  };
  const left = live.reduce((sum, { size, alone }) => sum + (alone === true ? size : 1), 0);
  const padded = (range: BitRange): BitRange => {
    // Where one more stands alone, those behind mostly keep their bits; never for the price of another word.
    const unused = Math.min(-range.to & (PADDED - 1), -left & 63);
    for (let i = 0; i < unused; i++) first.push(UNUSED);
    return { from: range.from, to: first.length };
  };
  const ending = { alone: padded(alone(false)), tuples: tuples(false) };
  const goingOn = { alone: alone(true), tuples: tuples(true) };
  for (let group = 0; group < homes.length; group++) bitOfGroup[group] = bitOfGroup[homes[group]!]!;
  for (let decision = 0; decision < length; decision++) {
    const group = groupOf[decision]!;
    if (group >= 0 && bitOf[decision] === -1) bitOf[decision] = bitOfGroup[group]!;
  }
  return {
    length,
    bitOf,
    first: Int32Array.from(first),
    ending,
    goingOn,
    ...(checked !== undefined && { checked }),
  };
}

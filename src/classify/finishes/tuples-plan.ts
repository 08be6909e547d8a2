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
import { goesOn } from './ends.ts';
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

/** Numbers the bits, or says why they are too many. Lists must not skip. */
export function planTuples(input: PlanInput): TuplePlan | Overflow {
  const { list, predicates, layers, checked, bits } = input;
  const length = reachable(list, predicates);
  const signatures = (length + 1) * signaturesOf(layers);
  if (signatures > Number.MAX_SAFE_INTEGER) return { overflow: 'tuples: too many layers' };
  const { groups, groupOf } = groupDecisions(input, length);
  if (checked !== undefined) merge(groups, layers, checked, bits);
  const live = groups.filter((group) => group.into === undefined);
  if (!chooseAlone(live, bits)) return { overflow: `tuples: ${live.length} of them, ${bits} at most` };
  return numberBits(length, live, groups, groupOf, checked);
}

/** The first decision that ends and asks nothing, or the list's length. */
function reachable(list: DecisionList, predicates: readonly Int32Array[]): number {
  for (let decision = 0; decision < list.length; decision++) {
    if (goesOn(list, decision)) continue;
    let asks = false;
    for (let c = 0; c < predicates.length; c++) if (predicates[c]![decision] !== 0) asks = true;
    if (!asks) return decision;
  }
  return list.length;
}

interface Grouped {
  readonly groups: readonly Group[];
  /** Group of each decision, −1 where it has no effect. */
  readonly groupOf: Int32Array;
}

function groupDecisions({ list, predicates, layers }: PlanInput, length: number): Grouped {
  const groups: Group[] = [];
  const groupOf = new Int32Array(length).fill(-1);
  const bySignature = new Map<number, number>();
  const product = signaturesOf(layers);
  const occurrenceOf = occurrences();
  for (let decision = 0; decision < length; decision++) {
    const isOn = goesOn(list, decision);
    if (isOn && list.slots[decision]! < 0) continue;
    let signature = 0;
    let isLayered = true;
    for (let c = predicates.length - 1; c >= 0; c--) {
      const { of, count } = layers[c]!;
      const layer = of[predicates[c]![decision]!]!;
      if (layer === NO_LAYER) isLayered = false;
      signature = signature * (count + 1) + layer;
    }
    if (!isLayered) {
      groupOf[decision] = groups.push({ goesOn: isOn, first: decision, size: 1 }) - 1;
      continue;
    }
    if (isOn) signature += product * (1 + occurrenceOf(predicates, decision));
    let group = bySignature.get(signature);
    if (group === undefined) {
      group = groups.push({ goesOn: isOn, first: decision, signature, size: 0 }) - 1;
      bySignature.set(signature, group);
    }
    groups[group]!.size++;
    groupOf[decision] = group;
  }
  return { groups, groupOf };
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
  const bitOfGroup = new Map<Group, number>();
  const homes = groups.map((group) => group.into ?? group);
  const alone = (isOn: boolean): BitRange => {
    const from = first.length;
    for (let decision = 0; decision < length; decision++) {
      const group = groupOf[decision]!;
      if (group < 0 || homes[group]!.goesOn !== isOn || homes[group]!.alone !== true) continue;
      bitOf[decision] = first.push(decision) - 1;
    }
    return { from, to: first.length };
  };
  const tuples = (isOn: boolean): BitRange => {
    const from = first.length;
    for (const group of live) {
      if (group.goesOn !== isOn || group.alone === true) continue;
      bitOfGroup.set(group, first.push(group.first) - 1);
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
  for (let decision = 0; decision < length; decision++) {
    const group = groupOf[decision]!;
    if (group >= 0 && bitOf[decision] === -1) bitOf[decision] = bitOfGroup.get(homes[group]!)!;
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

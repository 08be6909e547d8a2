// Decision lists: what the table finishes are made of.
//
// A list is the rules that packets meet in one segment, user chains put in place, each with its conditions over fields.
// A packet begins at decision 0; a decision that applies counts and leads to a later decision or to an end, one that
// does not apply leads to the next. Falling off the last decision is the end `next`.

import type { IntervalSet } from '../base/intervals.ts';
import type { Field, Literal } from '../base/predicate.ts';

/**
 * What is asked of one field, all its literals in a rule together: a set of its values. Interned: equal conditions are
 * one object, for as long as the compiler lives, so that they are compared and cached by identity.
 */
export interface Condition {
  /** Unique among all conditions of the compiler that made it; never 0. */
  readonly id: number;
  readonly field: Field;
  /** Never constant: neither always true nor always false. */
  readonly literals: readonly Literal[];
  /** The values, for numeric fields; absent where they are too many intervals to list, and for devices. */
  readonly set?: IntervalSet;
}

/** Where a decision leads that is no later decision. Negative, so that it shares a number with decisions. */
export const END = { accept: -1, drop: -2, undecided: -3, next: -4, call: -5, return: -6 } as const;

export interface DecisionList {
  /** Number of decisions. */
  readonly length: number;
  /** Of each decision: all must hold; at most one a field, in one order of the fields; empty for "always". */
  readonly conditions: readonly (readonly Condition[])[];
  /** Of each decision: the counter it bumps, or −1 (a hotdrop). */
  readonly slots: Int32Array;
  /** Of each decision: a later decision, `length` for the end `next`, or one of `END`. */
  readonly then: Int32Array;
  /** Of each decision: the slot of the rule or policy it was made for, for line info and `explain`. */
  readonly owners?: Int32Array;
}

/** The ends of a list that lead to another segment, in the order of the code that picks one. */
export type ExitName = 'next' | 'call' | 'return';

/** A decision list, and the segments that its exits lead to. */
export interface ListSegment {
  readonly list: DecisionList;
  readonly exits: Readonly<Partial<Record<ExitName, number>>>;
}

/**
 * Which packets rules may drop because of their shape: later fragments, whole packets of a length that is short, and what
 * is malformed.
 */
export interface PacketShape {
  /** Protocols that have short lengths, each in one group. */
  readonly groups: readonly { readonly protocols: IntervalSet; readonly short: IntervalSet }[];
  /** Lengths that are short for some protocol. */
  readonly short: IntervalSet;
  /** Whether rules drop what is malformed. */
  readonly malformed: boolean;
}

/** Leads the packets that rules may drop by their shape to segment `odd`, all others to `main`. */
export interface ShapeSegment {
  readonly shape: PacketShape;
  readonly main: number;
  readonly odd: number;
}

/** The chains that a hook's packets may enter, each once: it stands behind all that enter it, the hook's own is the first. */
export interface HookChains {
  readonly chains: readonly WalkedChain[];
  /** What counts the hook's policy, for packets that return from its own chain. */
  readonly policy: DecisionList;
}

interface WalkedChain {
  /** Its lists in their order; one that ends in a call leads to the chain of that number, and back behind itself. */
  readonly parts: readonly {
    readonly list: DecisionList;
    readonly call?: { readonly chain: number; readonly isGoto: boolean };
  }[];
}

/** A hook's segment as one of more: the hook's are numbered from `base`. */
export function moved(segment: ListSegment | ShapeSegment, base: number): ListSegment | ShapeSegment {
  if (!('list' in segment)) return { ...segment, main: base + segment.main, odd: base + segment.odd };
  const exits = Object.entries(segment.exits).map(([exit, to]) => [exit, base + to]);
  return { list: segment.list, exits: Object.fromEntries(exits) as ListSegment['exits'] };
}

/** The segments of a hook; all numbers are places in `segments`. */
export interface HookLists {
  readonly segments: readonly (ListSegment | ShapeSegment)[];
  /** Where packets enter. */
  readonly entry: number;
  /** In place of segments where these would be too many. */
  readonly walked?: HookChains;
}

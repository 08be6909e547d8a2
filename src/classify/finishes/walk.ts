// The walk finish: rules as steps in a table, gone through one by one by code that is the same for any rules.
//
// The last resort, for what neither tables nor tests in code have room for. A packet takes as long as the rules that it
// meets, but hardly anything is too large: chains that are entered from many places have their steps once. A chain with one caller
// leads back to it by itself; of others, the packet keeps a number for the place that it came from. No chain can be entered
// again before it was left, so each of those has one place for that number, and chains that never wait for each other at
// once may have the same.
//
//   step, 16 bytes:  operation:8 goal:24 | a:32 | b:32 | c:32
//
//   end      a is the outcome word
//   count    bumps slot a, and goes to the goal
//   enter    keeps b at place a, and goes to the goal
//   leave    goes as many steps behind the goal as is kept at place a
//   go       goes to the goal
//   bytes    16 bytes of field a, under the mask two steps behind, are those a step behind
//   atLeast  the 128 bits of field a are no less than those a step behind: their upper half, their lower half
//   others   by number the field and whether the answer is turned round: ((value & a) − b) mod 2^32 is at most c
//
// Tests go on with what is behind them where they hold, and with the goal where not; turned round (b = 1 of wide ones) it
// is the other way about.

import type { DeviceField, Literal, NumericField, Predicate, WideField } from '../../base/predicate.ts';
import { addressBytes, deviceBytes } from '../../base/wide-bytes.ts';
import { WIDE_MAXIMUM, type WideInterval } from '../../base/wide-intervals.ts';
import { EMPTY } from '../action-lists.ts';
import type { Budget } from '../budget.ts';
import { type DecisionList, END, type HookChains } from '../decision-list.ts';
import { outcomeWord } from '../outcomes.ts';
import { withRoom } from '../room.ts';
import type { TableRef } from '../tables.ts';
import type { FinishInput, Overflow } from './finish.ts';

export const OPERATION = { end: 0, count: 1, enter: 2, leave: 3, go: 4, bytes: 5, atLeast: 6, number: 8 } as const;
/** Words of a step. */
export const STEP = 4;
/** Steps behind a step that may belong to it. */
export const MOST_OPERANDS = 2;
/** Bytes for all that packets keep on their way. */
export const MOST_KEPT = 320;

export interface WalkFinish {
  readonly kind: 'walk';
  /** Packets begin with the first; `MOST_OPERANDS` more stand behind the last. */
  readonly steps: TableRef;
  /** Fields of tests, by number. */
  readonly fields: readonly NumericField[];
  readonly wideFields: readonly (WideField | DeviceField)[];
  /** Whether anything is counted before the outcome is known. */
  readonly counts: boolean;
  /** Numbers that packets keep at once, at most, and the bytes of each. */
  readonly kept: { readonly places: number; readonly width: 2 | 4 };
}

/** What walks are made with. */
export interface WalkMaking extends Pick<FinishInput, 'outcomes' | 'pool'> {
  readonly budget: Pick<Budget, 'walkSteps'>;
}

/** Steps of a list: ends that lead to other segments are outcomes. */
export function walkList(list: DecisionList, { outcomes, pool, budget }: WalkMaking): WalkFinish | Overflow {
  const steps = new Steps(outcomes, budget.walkSteps);
  const exits = { call: () => {}, return: undefined, next: steps.label() };
  steps.list(list, exits);
  steps.bind(exits.next);
  if (mayFallOff(list)) steps.end(-1, END.next);
  return steps.finish(pool, { places: 0, width: 2 });
}

function mayFallOff({ length, conditions, then }: DecisionList): boolean {
  return length === 0 || conditions[length - 1]!.length > 0 || then.includes(length);
}

/** Steps of the chains of a hook, each chain's once. */
export function walkChains(
  { chains, policy }: HookChains,
  { outcomes, pool, budget }: WalkMaking,
): WalkFinish | Overflow {
  const steps = new Steps(outcomes, budget.walkSteps);
  const ways = returnsOf(chains);
  const kept = keptBy(ways);
  const entries = chains.map(() => steps.label());
  const policyLabel = steps.label();
  /** Where each call goes on. */
  const behind = chains.map(({ parts }) => parts.map(() => steps.label()));
  /** The steps that lead back from each chain. */
  const leave = (number: number): void => {
    const { caller, place, landing } = wayBack(number);
    if (caller !== undefined) steps.go(caller);
    else steps.leave(place, landing);
  };
  const landings = chains.map(() => steps.label());
  const wayBack = (number: number): { caller?: number; place: number; landing: number } => {
    let at = number;
    for (;;) {
      const { callers, depth } = ways[at]!;
      if (at === 0) return { caller: policyLabel, place: 0, landing: 0 };
      if (callers.length > 1) return { place: depth - 1, landing: landings[at]! };
      const [only] = callers as [Caller];
      if (!only.isGoto) return { caller: behind[only.chain]![only.part]!, place: 0, landing: 0 };
      at = only.chain;
    }
  };
  /** How many callers of each chain have their number. */
  const numbered = new Int32Array(chains.length);
  for (const [number, { parts }] of chains.entries()) {
    steps.bind(entries[number]!);
    const leaving = steps.label();
    for (const [part, { list, call }] of parts.entries()) {
      const next = part === parts.length - 1 ? leaving : behind[number]![part]!;
      const enter = (): void => {
        const callee = call!.chain;
        if (ways[callee]!.callers.length === 1) steps.go(entries[callee]!);
        else steps.enter(ways[callee]!.depth - 1, numbered[callee]!++, entries[callee]!);
      };
      steps.list(list, { call: enter, return: leaving, next });
      steps.bind(behind[number]![part]!);
    }
    steps.bind(leaving);
    leave(number);
  }
  for (const [number, { callers }] of ways.entries()) {
    if (callers.length < 2) continue;
    steps.bind(landings[number]!);
    for (const { chain, part, isGoto } of callers) {
      if (isGoto) leave(chain);
      else steps.go(behind[chain]![part]!);
    }
  }
  steps.bind(policyLabel);
  steps.list(policy, { call: () => {}, return: undefined, next: policyLabel });
  return steps.finish(pool, kept);
}

/** Whether packets can keep where they came from, however chains enter each other. */
export function isWalkable({ chains }: HookChains): boolean {
  const { places, width } = keptBy(returnsOf(chains));
  return places * width <= MOST_KEPT;
}

function keptBy(ways: readonly Returns[]): WalkFinish['kept'] {
  const places = ways.reduce((most, { depth }) => Math.max(most, depth), 0);
  return { places, width: ways.some(({ callers }) => callers.length > 1 << 16) ? 4 : 2 };
}

/** A call: the part of a chain that ends in it. */
interface Caller {
  readonly chain: number;
  readonly part: number;
  readonly isGoto: boolean;
}

interface Returns {
  readonly callers: readonly Caller[];
  /** Numbers that packets keep who are in the chain, at most. */
  readonly depth: number;
}

/** Who enters each chain, in the order of their numbers. Chains stand behind all that enter them. */
function returnsOf(chains: HookChains['chains']): Returns[] {
  const callers: Caller[][] = chains.map(() => []);
  for (const [chain, { parts }] of chains.entries()) {
    for (const [part, { call }] of parts.entries()) {
      if (call !== undefined) callers[call.chain]!.push({ chain, part, isGoto: call.isGoto });
    }
  }
  const ways: Returns[] = [];
  for (const each of callers) {
    let depth = 0;
    for (const { chain } of each) depth = Math.max(depth, ways[chain]!.depth);
    ways.push({ callers: each, depth: each.length > 1 ? depth + 1 : depth });
  }
  return ways;
}

/** Where a list leads, by label; `next` is what stands right behind it. */
interface ListExits {
  /** Puts steps for the end `call`. */
  readonly call: () => void;
  /** Absent where a return is an outcome, like all other ends. */
  readonly return: number | undefined;
  readonly next: number;
}

/** Steps while they are made. A label is a number; goals are labels until the end. */
class Steps {
  private readonly outcomes: FinishInput['outcomes'];
  private readonly most: number;
  private words = new Uint32Array(1 << 10);
  private count = 0;
  /** The steps that labels are bound to, by label. */
  private readonly labels: number[] = [];
  private readonly goals: number[] = [];
  private readonly fields: NumericField[] = [];
  private readonly wideFields: (WideField | DeviceField)[] = [];
  private counts = false;
  private isFull = false;

  constructor(outcomes: FinishInput['outcomes'], most: number) {
    this.outcomes = outcomes;
    this.most = most;
  }

  label(): number {
    return this.labels.push(-1) - 1;
  }

  bind(label: number): void {
    this.labels[label] = this.count;
  }

  list({ length, conditions, slots, then }: DecisionList, exits: ListExits): void {
    const first = this.labels.length;
    for (let i = 0; i < length; i++) this.label();
    const labelOf = (decision: number): number => (decision === length ? exits.next : first + decision);
    for (let i = 0; i < length; i++) {
      this.bind(first + i);
      for (const { literals } of conditions[i]!) {
        for (const literal of literals) this.literal(literal, labelOf(i + 1));
      }
      const [slot, to] = [slots[i]!, then[i]!];
      const isJump = to >= 0 || (exits.return !== undefined && (to === END.call || to === END.return));
      if (!isJump) {
        this.end(slot, to);
        continue;
      }
      if (slot >= 0) this.bump(slot);
      if (to === END.call) exits.call();
      else if (to === END.return) this.go(exits.return!);
      else if (to !== i + 1) this.go(labelOf(to));
    }
  }

  end(slot: number, end: number): void {
    const { lists } = this.outcomes;
    this.outcomes.number(slot < 0 ? EMPTY : lists.chain(EMPTY, slot), end);
    this.step(OPERATION.end, undefined, outcomeWord(slot, end));
  }

  go(label: number): void {
    this.step(OPERATION.go, label);
  }

  enter(place: number, number: number, label: number): void {
    this.step(OPERATION.enter, label, place, number);
  }

  leave(place: number, landing: number): void {
    this.step(OPERATION.leave, landing, place);
  }

  finish(pool: FinishInput['pool'], kept: WalkFinish['kept']): WalkFinish | Overflow {
    if (this.isFull) return { overflow: `a walk of more than ${this.most} steps` };
    const { count, words, labels, goals, fields, wideFields, counts } = this;
    for (let step = 0; step < count; step++) {
      const label = goals[step]!;
      if (label >= 0) words[STEP * step]! |= (labels[label]! << 8) >>> 0;
    }
    const all = new Uint32Array(STEP * (count + MOST_OPERANDS));
    all.set(words.subarray(0, STEP * count));
    return { kind: 'walk', steps: pool.put('steps', all), fields, wideFields, counts, kept };
  }

  private bump(slot: number): void {
    this.counts = true;
    const next = this.label();
    this.step(OPERATION.count, next, slot);
    this.bind(next);
  }

  /** Goes on behind where the literal holds, to `passed` where not. */
  private literal({ predicate, negated }: Literal, passed: number): void {
    const tests = testsOf(predicate);
    if (negated) {
      for (const test of tests) this.test(test, true, passed);
      return;
    }
    const last = tests.at(-1);
    if (last === undefined) {
      this.go(passed);
      return;
    }
    const holds = this.label();
    for (const test of tests.slice(0, -1)) this.test(test, true, holds);
    this.test(last, false, passed);
    this.bind(holds);
  }

  /** Goes to the goal where the answer is `turned`, else on. */
  private test(test: Test, turned: boolean, goal: number): void {
    if (test.kind === 'number') {
      const { field, mask, low, width } = test;
      const operation = OPERATION.number + 2 * numberOf(this.fields, field) + (turned ? 1 : 0);
      this.step(operation, goal, mask, low, width);
      return;
    }
    const field = numberOf(this.wideFields, test.field);
    if (test.kind === 'bytes') {
      this.step(OPERATION.bytes, goal, field, turned ? 1 : 0);
      this.operand(test.bytes);
      this.operand(test.mask);
      return;
    }
    const { low, high } = test;
    const atLeast = (bound: bigint, isTurned: boolean, to: number): void => {
      this.step(OPERATION.atLeast, to, field, isTurned ? 1 : 0);
      this.operand(new Uint8Array(BigUint64Array.of(bound >> 64n, BigInt.asUintN(64, bound)).buffer));
    };
    const below = turned ? this.label() : goal;
    atLeast(low, false, below);
    if (high < WIDE_MAXIMUM) atLeast(high + 1n, !turned, goal);
    else if (turned) this.go(goal);
    if (turned) this.bind(below);
  }

  private operand(bytes: Uint8Array): void {
    const [a, b, c, d] = new Uint32Array(bytes.buffer, bytes.byteOffset, STEP);
    if (!this.grow()) return;
    this.words.set([a!, b!, c!, d!], STEP * this.count);
    this.goals[this.count++] = -1;
  }

  private step(operation: number, goal: number | undefined, a = 0, b = 0, c = 0): void {
    if (!this.grow()) return;
    const at = STEP * this.count;
    this.words[at] = operation;
    this.words[at + 1] = a;
    this.words[at + 2] = b;
    this.words[at + 3] = c;
    this.goals[this.count++] = goal ?? -1;
  }

  /** Makes room for a step; says whether there may be one more. */
  private grow(): boolean {
    if (this.count >= this.most) this.isFull = true;
    if (this.isFull) return false;
    this.words = withRoom(this.words, STEP * (this.count + 1));
    return true;
  }
}

function numberOf<T>(fields: T[], field: T): number {
  const known = fields.indexOf(field);
  return known < 0 ? fields.push(field) - 1 : known;
}

type Test =
  | {
      readonly kind: 'number';
      readonly field: NumericField;
      readonly mask: number;
      readonly low: number;
      readonly width: number;
    }
  | {
      readonly kind: 'bytes';
      readonly field: WideField | DeviceField;
      readonly bytes: Uint8Array;
      readonly mask: Uint8Array;
    }
  | { readonly kind: 'range'; readonly field: WideField; readonly low: bigint; readonly high: bigint };

/** The predicate holds where one of them does. */
function testsOf(predicate: Predicate): Test[] {
  switch (predicate.kind) {
    case 'in':
      return predicate.set.map(({ low, high }) => ({
        ...{ kind: 'number', field: predicate.field, mask: 0xffffffff, low, width: high - low },
      }));
    case 'masked':
      return [{ kind: 'number', field: predicate.field, mask: predicate.mask, low: predicate.value, width: 0 }];
    case 'wide':
      return predicate.set.map((interval) => wideTest(predicate.field, interval));
    case 'maskedWide':
      return [
        {
          kind: 'bytes',
          field: predicate.field,
          bytes: addressBytes(predicate.value),
          mask: addressBytes(predicate.mask),
        },
      ];
    case 'device': {
      const { bytes, mask } = deviceBytes(predicate);
      return [{ kind: 'bytes', field: predicate.field, bytes, mask }];
    }
  }
}

/** Prefixes are compared as bytes. */
function wideTest(field: WideField, { low, high }: WideInterval): Test {
  const varying = low ^ high;
  const isPrefix = (varying & (varying + 1n)) === 0n && (low & varying) === 0n;
  return isPrefix
    ? { kind: 'bytes', field, bytes: addressBytes(low), mask: addressBytes(WIDE_MAXIMUM ^ varying) }
    : { kind: 'range', field, low, high };
}

// Which rule has which counter, from one ruleset to the next.

import { commonEnds } from '../base/common-ends.ts';
import type { Counters } from '../base/counters.ts';
import { type ChainSlots, type SlotPlan, sequentialSlots } from '../graph/slots.ts';
import { forgetLedBefore, ledBefore } from '../ruleset/led-elsewhere.ts';
import type { Rule, Table } from '../ruleset/model.ts';
import type { RuleLines } from '../ruleset/print.ts';
import type { TableCounters } from './types.ts';

/** Who has the slots that a generation's row lists one after the other: chain by chain, the policy's last. */
export interface StoredSlots {
  readonly chains: readonly { readonly name: string; readonly rules: number; readonly policy: boolean }[];
  readonly used: number;
}

/** A plan as two parts of a row. */
export function storePlan({ chains, used }: SlotPlan): { owners: StoredSlots; slots: Int32Array } {
  const owners = chains.map(({ chain, rules, policy }) => ({ name: chain, rules: rules.length, policy: policy >= 0 }));
  const length = owners.reduce((sum, { rules, policy }) => sum + rules + (policy ? 1 : 0), 0);
  const slots = new Int32Array(length);
  let at = 0;
  for (const { rules, policy } of chains) {
    slots.set(rules, at);
    at += rules.length;
    if (policy >= 0) slots[at++] = policy;
  }
  return { owners: { chains: owners, used }, slots };
}

export function readPlan({ chains, used }: StoredSlots, slots: Int32Array, capacity: number): SlotPlan {
  let at = 0;
  const read = chains.map(({ name, rules, policy }): ChainSlots => {
    const own = slots.subarray(at, at + rules);
    at += rules;
    return { chain: name, rules: own, policy: policy ? slots[at++]! : -1 };
  });
  return { capacity, used, chains: read };
}

/** The number of rules that have a slot. */
export function ruleCount({ chains }: SlotPlan): number {
  return chains.reduce((sum, { rules }) => sum + rules.length, 0);
}

/** Sorts counters by chain; a chain's rules are in their order. */
export function perChain({ chains }: SlotPlan, shown: readonly Counters[]): TableCounters {
  return new Map(
    chains.map(({ chain, rules, policy }) => [
      chain,
      { ...(policy < 0 ? {} : { policy: shown[policy]! }), rules: Array.from(rules, (slot) => shown[slot]!) },
    ]),
  );
}

/** A table, and the slots that its rules have. */
export interface SlottedTable {
  readonly table: Table;
  readonly plan: SlotPlan;
}

/** The text of every rule of two tables. */
export interface TextsOfTwo {
  readonly before: RuleLines;
  readonly after: RuleLines;
}

/**
 * For each chain of a table the slots that its rules and its policy had before, −1 for what is new. A rule is one of before
 * if it is the same object, or was it before the chain that it leads to got another name, or, with `texts`, if its chain and its text are the same; of several equal rules of a chain
 * the first is the first of before, and so on.
 */
export function inheritSlots(before: SlottedTable, after: Table, texts?: TextsOfTwo): ChainSlots[] {
  const oldChains = new Map(before.table.chains.map((chain) => [chain.name, chain]));
  const oldSlots = new Map(before.plan.chains.map((slots) => [slots.chain, slots]));
  const leftOver = new LeftOver();
  const gone = new Set(oldChains.keys());
  const inherited = after.chains.map(({ name, rules }): ChainSlots => {
    gone.delete(name);
    const { rules: slots, policy } = oldSlots.get(name) ?? { rules: NONE, policy: -1 };
    const found = new Int32Array(rules.length).fill(-1);
    leftOver.add(name, oldChains.get(name)?.rules ?? [], slots, rules, found);
    return { chain: name, rules: found, policy };
  });
  for (const name of gone) {
    leftOver.add(name, oldChains.get(name)!.rules, oldSlots.get(name)?.rules ?? NONE, [], NONE);
  }
  leftOver.matchObjects();
  if (texts !== undefined) leftOver.matchTexts(texts);
  return inherited;
}

const NONE = new Int32Array(0);

interface OldRule {
  readonly chain: string;
  readonly index: number;
  readonly rule: Rule;
  readonly slot: number;
}

interface NewRule {
  readonly chain: string;
  readonly index: number;
  readonly rule: Rule;
  /** Where its slot goes, once it is known. */
  readonly into: Int32Array;
}

/** The rules that do not stand at the same place, seen from the beginning or the end of their chain. */
class LeftOver {
  private old: OldRule[] = [];
  private fresh: NewRule[] = [];

  /** Compares a chain with what it was: what is the same at both ends is done at once. */
  add(chain: string, before: readonly Rule[], slots: Int32Array, after: readonly Rule[], into: Int32Array): void {
    if (before.length !== slots.length) throw new Error(`the slots of ${chain} are not those of its rules`);
    const { front, back } = commonEnds(before, after);
    const shift = before.length - after.length;
    for (let i = 0; i < front; i++) into[i] = slots[i]!;
    for (let i = after.length - back; i < after.length; i++) into[i] = slots[i + shift]!;
    for (let i = front; i < before.length - back; i++) {
      this.old.push({ chain, index: i, rule: before[i]!, slot: slots[i]! });
    }
    for (let i = front; i < after.length - back; i++) this.fresh.push({ chain, index: i, rule: after[i]!, into });
  }

  matchObjects(): void {
    const itself = ({ rule }: OldRule) => rule;
    const before = new Set(this.old.map(itself));
    this.match(itself, ({ rule }) => rule);
    this.match(itself, ({ rule }) => {
      let was = ledBefore(rule);
      while (was !== undefined && !before.has(was)) was = ledBefore(was);
      return was;
    });
    // What is in force is what it is: a chain may be renamed any number of times.
    for (const rule of before) forgetLedBefore(rule);
  }

  matchTexts({ before, after }: TextsOfTwo): void {
    this.match(
      ({ chain, index }) => before.get(chain)![index]!,
      ({ chain, index }) => after.get(chain)![index]!,
    );
  }

  private match(keyOfOld: (rule: OldRule) => Rule | string, keyOf: (rule: NewRule) => Rule | string | undefined): void {
    if (this.old.length === 0 || this.fresh.length === 0) return;
    const free = new Map<Rule | string, OldRule[]>();
    for (const old of this.old) {
      const key = keyOfOld(old);
      const same = free.get(key);
      if (same === undefined) free.set(key, [old]);
      else same.push(old);
    }
    for (const same of free.values()) same.reverse();
    const taken = new Set<OldRule>();
    this.fresh = this.fresh.filter((fresh) => {
      const key = keyOf(fresh);
      const old = key === undefined ? undefined : free.get(key)?.pop();
      if (old === undefined) return true;
      taken.add(old);
      fresh.into[fresh.index] = old.slot;
      return false;
    });
    this.old = this.old.filter((old) => !taken.has(old));
  }
}

/** The plan of a table whose rules keep the slots they have inherited, if the map has room for the others. */
export function extendPlan(inherited: readonly ChainSlots[], table: Table, room: SlotPlan): SlotPlan | undefined {
  let { used } = room;
  const give = (slot: number) => (slot < 0 ? used++ : slot);
  const chains = inherited.map(({ chain, rules, policy }, number): ChainSlots => {
    const isBuiltin = table.chains[number]!.policy !== undefined;
    return { chain, rules: rules.includes(-1) ? rules.map(give) : rules, policy: isBuiltin ? give(policy) : -1 };
  });
  return used > room.capacity ? undefined : { capacity: room.capacity, used, chains };
}

/** A plan for a counter map of its own, with room for rules to come. */
export function roomyPlan(table: Table): SlotPlan {
  // One less than a multiple of four: with the slot of undecided packets an area is whole cache lines.
  return sequentialSlots(table, (used) => Math.ceil((used * 1.25 + 64) / 4) * 4 - 1);
}

/** For each slot of a new plan the one it was before, or −1; and for the slot of undecided packets. */
export function carriedSlots(plan: SlotPlan, inherited: readonly ChainSlots[]): Int32Array {
  const from = new Int32Array(plan.capacity + 1).fill(-1);
  for (const [number, { rules, policy }] of plan.chains.entries()) {
    const old = inherited[number]!;
    for (let i = 0; i < rules.length; i++) from[rules[i]!] = old.rules[i]!;
    if (policy >= 0) from[policy] = old.policy;
  }
  return from;
}

/** Calls `visit` with the slot and the written counters of all rules and policies that have inherited none. */
export function eachNew(
  table: Table,
  plan: SlotPlan,
  inherited: readonly ChainSlots[] | undefined,
  visit: (slot: number, written: Counters) => void,
): void {
  for (const [number, chain] of table.chains.entries()) {
    const { rules, policy } = plan.chains[number]!;
    const old = inherited?.[number];
    for (let i = 0; i < rules.length; i++) {
      if ((old?.rules[i] ?? -1) < 0) visit(rules[i]!, chain.rules[i]!.counters);
    }
    if (policy >= 0 && (old?.policy ?? -1) < 0) visit(policy, chain.counters);
  }
}

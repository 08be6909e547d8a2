// Which counter is whose. A rule keeps its counter, its *slot*, for as long as it stays, wherever it moves; so the slots
// of a table that has been changed follow no order, and some have no owner any more.

import type { Family } from '../base/family.ts';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { Table } from '../ruleset/model.ts';
import { printRuleLine } from '../ruleset/print.ts';
import type { Slot, SlotOwner } from './graph.ts';

/** The slots of one chain. */
export interface ChainSlots {
  readonly chain: string;
  /** Of each rule, in order. */
  readonly rules: Int32Array;
  /** Of the policy; −1 for a user chain. */
  readonly policy: Slot;
}

/** The slots of a table. */
export interface SlotPlan {
  /** Number of slots that there is room for. One more follows them: of packets that no rule could decide. */
  readonly capacity: number;
  /** Slots from here on have never had an owner. */
  readonly used: number;
  /** As the table's chains. */
  readonly chains: readonly ChainSlots[];
}

/** Slots from 0 on, chain by chain in table order: a chain's rules in their order, then its policy if it has one. */
export function sequentialSlots(table: Table, capacityFor: (used: number) => number = (used) => used): SlotPlan {
  let next = 0;
  const chains = table.chains.map(({ name, rules }): ChainSlots => {
    const slots = Int32Array.from(rules, () => next++);
    return { chain: name, rules: slots, policy: isHook(name) ? next++ : -1 };
  });
  return { capacity: capacityFor(next), used: next, chains };
}

/** The owner of each slot; of one that nobody has, nothing. */
export function slotOwners(table: Table, plan: SlotPlan, family: Family = 'ipv4'): SlotOwner[] {
  const ownerOf = ownerFinder(table, plan, family);
  const owners = new Array<SlotOwner>(plan.used);
  for (const { rules, policy } of plan.chains) {
    for (const slot of rules) owners[slot] = ownerOf(slot);
    if (policy >= 0) owners[policy] = ownerOf(policy);
  }
  return owners;
}

/** Finds the owners of slots, for who asks for few: an owner has its rule's text. Throws for a slot that nobody has. */
export function ownerFinder(table: Table, plan: SlotPlan, family: Family = 'ipv4'): (slot: Slot) => SlotOwner {
  let places: SlotPlaces | undefined;
  let asked = 0;
  return (slot) => {
    if (++asked > FEW_ASKED) places ??= new SlotPlaces(plan);
    const [number, index] = places === undefined ? searched(plan, slot) : places.of(slot);
    const chain = table.chains[number];
    if (chain === undefined) throw new Error(`nobody has slot ${slot}`);
    if (index === POLICY) return { kind: 'policy', chain: chain.name as FilterChain, line: chain.span.line };
    const rule = chain.rules[index]!;
    const text = printRuleLine(chain.name, rule, family);
    return { kind: 'rule', chain: chain.name, index, text, line: rule.line };
  };
}

/** In place of a rule's index. */
const POLICY = -1;
/** As often a slot is searched for before it is written down where all are. */
const FEW_ASKED = 16;

/** The number of the chain that a slot is in, negative for none, and its rule's index. */
type SlotPlace = readonly [chain: number, index: number];

function searched({ chains }: SlotPlan, slot: Slot): SlotPlace {
  for (const [number, { rules, policy }] of chains.entries()) {
    if (policy === slot) return [number, POLICY];
    const index = rules.indexOf(slot);
    if (index >= 0) return [number, index];
  }
  return [-1, 0];
}

class SlotPlaces {
  private readonly chains: Int32Array;
  private readonly indexes: Int32Array;

  constructor({ used, chains }: SlotPlan) {
    this.chains = new Int32Array(used).fill(-1);
    this.indexes = new Int32Array(used);
    for (const [number, { rules, policy }] of chains.entries()) {
      for (let index = 0; index < rules.length; index++) {
        this.chains[rules[index]!] = number;
        this.indexes[rules[index]!] = index;
      }
      if (policy < 0) continue;
      this.chains[policy] = number;
      this.indexes[policy] = POLICY;
    }
  }

  of(slot: Slot): SlotPlace {
    return [this.chains[slot] ?? -1, this.indexes[slot] ?? 0];
  }
}

function isHook(chain: string): boolean {
  return (FILTER_CHAINS as readonly string[]).includes(chain);
}

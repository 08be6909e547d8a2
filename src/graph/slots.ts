// Which counter is whose. A rule keeps its counter, its *slot*, for as long as it stays, wherever it moves; so the slots
// of a table that has been changed follow no order, and some have no owner any more.

import { FILTER_CHAINS } from '../base/hooks.ts';
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
export function slotOwners(table: Table, plan: SlotPlan): SlotOwner[] {
  const owners = new Array<SlotOwner>(plan.used);
  for (const [number, { name, rules, span }] of table.chains.entries()) {
    const slots = plan.chains[number]!;
    for (const [index, rule] of rules.entries()) {
      const text = printRuleLine(name, rule, 'ipv4');
      owners[slots.rules[index]!] = { kind: 'rule', chain: name, index, text, line: rule.span.line };
    }
    const hook = FILTER_CHAINS.find((each) => each === name);
    if (hook !== undefined) owners[slots.policy] = { kind: 'policy', chain: hook, line: span.line };
  }
  return owners;
}

function isHook(chain: string): boolean {
  return (FILTER_CHAINS as readonly string[]).includes(chain);
}

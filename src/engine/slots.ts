// Between a ruleset and the slots of its counters.

import { type Counters, ZERO } from '../base/counters.ts';
import type { Manifest } from '../codegen/manifest.ts';
import type { SlotOwner } from '../graph/graph.ts';
import type { Rule, Ruleset } from '../ruleset/model.ts';
import { filterTable } from './compile.ts';
import type { TableCounters } from './types.ts';

export type StoredManifest = Manifest & { readonly slots: readonly SlotOwner[] };

/** Sorts counters by chain; a chain's rules are in their order. */
export function perChain({ slots }: StoredManifest, shown: readonly Counters[]): TableCounters {
  const chains = new Map<string, { policy?: Counters; rules: Counters[] }>();
  for (const [slot, owner] of slots.entries()) {
    let chain = chains.get(owner.chain);
    if (chain === undefined) {
      chain = { rules: [] };
      chains.set(owner.chain, chain);
    }
    if (owner.kind === 'policy') chain.policy = shown[slot]!;
    else chain.rules[owner.index] = shown[slot]!;
  }
  return chains;
}

/** The rule that owns each slot; policies own theirs without one. */
export function rulesBySlot(ruleset: Ruleset, { slots }: StoredManifest): (Rule | undefined)[] {
  const chains = new Map(filterTable(ruleset).chains.map((chain) => [chain.name, chain]));
  return slots.map((owner) => (owner.kind === 'rule' ? chains.get(owner.chain)?.rules[owner.index] : undefined));
}

/** The counters written in the ruleset, by slot. */
export function writtenCounters(ruleset: Ruleset, manifest: StoredManifest): Counters[] {
  const chains = new Map(filterTable(ruleset).chains.map((chain) => [chain.name, chain]));
  const rules = rulesBySlot(ruleset, manifest);
  return manifest.slots.map((owner, slot) => (rules[slot] ?? chains.get(owner.chain))?.counters ?? ZERO);
}

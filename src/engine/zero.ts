// Setting counters of rules in force to zero: only the base moves, so no packet is lost that is counted meanwhile.

import { type Counters, ZERO } from '../base/counters.ts';
import type { Store } from '../store/store.ts';
import { moveBase, readSlots, setBase } from './counters.ts';
import { mapReader } from './flip.ts';
import type { InForce } from './in-force.ts';
import type { Installation } from './installation.ts';
import type { TableCounters, ZeroSelection } from './types.ts';

/** Of the rules and policies selected; with `shown`, takes off just what was shown. */
export function zeroSlots(
  store: Store,
  installation: Installation,
  found: InForce,
  { chain, rule }: ZeroSelection,
  shown: TableCounters | undefined,
): void {
  const map = store.counterMap(found.counterMap);
  if (map === undefined) return;
  const counted = readSlots(map.id, found.layout, mapReader(installation, found.family));
  const zero = (slot: number, seen: Counters | undefined): void => {
    if (shown === undefined) setBase(map.base, slot, counted[slot]!, ZERO);
    else moveBase(map.base, slot, seen ?? ZERO, -1n);
  };
  for (const { chain: name, rules, policy } of found.plan.chains) {
    if (chain !== undefined && name !== chain) continue;
    const seen = shown?.get(name);
    for (const [index, slot] of rules.entries()) {
      if (rule === undefined || index === rule - 1) zero(slot, seen?.rules[index]);
    }
    if (policy >= 0 && rule === undefined) zero(policy, seen?.policy);
  }
  if (chain === undefined) setBase(map.base, found.plan.capacity, counted.at(-1)!, ZERO);
  store.setCounterBase(map.id, map.base, { foldCarry: false });
}

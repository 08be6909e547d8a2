// What early verdicts are explained and compiled with where no network namespace is asked: a host that they serve well.
//
// It has the address 192.0.2.1, forwards, and takes packets from any ordinary address by `eth0` and by each device that rules
// name; whoever else hooks into packets' way is connection tracking, if rules ask about connections.

import { complement, intersect } from '../base/intervals.ts';
import type { Chains } from '../graph/chains.ts';
import { ORDINARY } from './early-facts.ts';
import type { EarlyGround } from './early-ground.ts';

const ADDRESS = 0xc0000201;

export function assumedGround(chains: Chains): EarlyGround {
  const local = [{ low: ADDRESS, high: ADDRESS }];
  const others = intersect(ORDINARY, complement(local, 0xffffffff));
  const devices = devicesOf(chains).map((name) => ({ name, sources: others, forwards: true }));
  return { facts: { local, routed: others, devices }, tracked: false, unexpected: true };
}

/** `eth0`, and what rules ask for with `-i`; a name that ends in `+` stands for the first of its kind. */
function devicesOf(chains: Chains): readonly string[] {
  const names = new Set(['eth0']);
  for (const { rules } of chains.values()) {
    for (const rule of rules) {
      for (const { predicate } of rule.clauses()) {
        if (predicate.kind === 'device' && predicate.field === 'inDevice')
          names.add(predicate.prefix ? `${predicate.name}0` : predicate.name);
      }
    }
  }
  names.delete('lo');
  return [...names];
}

// What early verdicts are explained and compiled with where no network namespace is asked: a host that they serve well.
//
// It has the address 192.0.2.1, or 2001:db8::1, forwards, and takes packets from any ordinary address by `eth0` and by each
// device that rules name; whoever else hooks into packets' way is connection tracking, if rules ask about connections.

import type { EarlyDevice, EarlyFacts } from '../base/early.ts';
import type { Family } from '../base/family.ts';
import { complement, intersect, interval } from '../base/intervals.ts';
import { complementWide, intersectWide } from '../base/wide-intervals.ts';
import type { Chains } from '../graph/chains.ts';
import { ORDINARY, ORDINARY6 } from './early-facts.ts';
import type { EarlyGround } from './early-ground.ts';

const ADDRESS = 0xc0000201;
const ADDRESS6 = (0x20010db8n << 96n) | 1n;

export function assumedGround(chains: Chains, family: Family): EarlyGround {
  return { facts: family === 'ipv4' ? facts(chains) : facts6(chains), tracked: false, unexpected: true };
}

function facts(chains: Chains): EarlyFacts {
  const local = interval(ADDRESS);
  const others = intersect(ORDINARY, complement(local, 0xffffffff));
  return { family: 'ipv4', local, routed: others, devices: devicesOf(chains, others) };
}

function facts6(chains: Chains): EarlyFacts {
  const local = [{ low: ADDRESS6, high: ADDRESS6 }];
  const routed = intersectWide(ORDINARY6, complementWide(local));
  return { family: 'ipv6', local, routed, devices: devicesOf(chains, ORDINARY6) };
}

function devicesOf<Addresses>(chains: Chains, sources: Addresses): EarlyDevice<Addresses>[] {
  return namesOf(chains).map((name) => ({ name, sources, forwards: true }));
}

/** `eth0`, and what rules ask for with `-i`; a name that ends in `+` stands for the first of its kind. */
function namesOf(chains: Chains): readonly string[] {
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

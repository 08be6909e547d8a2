// Rules of NAT that packets meet before anybody knows where they go, as plain data: what may change a packet's destination.
//
// A condition that is not understood is left out, so that a rule is taken to apply to more packets than it does, never to
// fewer.

import { maskPrefix } from './ipv4.ts';
import type { Literal } from './predicate.ts';

/** What a rule asks: all of it. */
export type NatConditions = readonly Literal[];

export interface NatRule {
  readonly asks: NatConditions;
  /** A chain that it leads to; or whether it may change a packet, or anything else. */
  readonly does: 'nothing' | 'something' | { readonly leadsTo: string };
}

export interface NatChains {
  /** Those that all packets enter at PREROUTING. */
  readonly entered: readonly string[];
  readonly chains: ReadonlyMap<string, readonly NatRule[]>;
  /** How many of the chains at PREROUTING are iptables-legacy's, and how many of nftables. */
  readonly legacy: number;
  readonly nftables: number;
  /** Whether nftables has chains of NAT at all, and whether rules beside them may have connections expected. */
  readonly hasNftables: boolean;
  readonly mayExpect: boolean;
}

const ALL = 0xffffffff;

/** That an address has a value where a mask has ones; nothing where its ones are not the first bits. */
export function asksAddress(field: 'src' | 'dst', value: number, mask: number, negated: boolean): NatConditions {
  if (maskPrefix(mask) === undefined || mask === 0) return [];
  const low = (value & mask) >>> 0;
  return asksNumber(field, low, low + (ALL - (mask >>> 0)), negated);
}

export function asksNumber(
  field: 'src' | 'dst' | 'protocol' | 'sport' | 'dport',
  low: number,
  high: number,
  negated: boolean,
): NatConditions {
  return [{ predicate: { kind: 'in', field, set: low <= high ? [{ low, high }] : [] }, negated }];
}

/** That a packet comes in by a device of this name, or of one that begins with it. */
export function asksDevice(name: string, prefix: boolean, negated: boolean): NatConditions {
  return [{ predicate: { kind: 'device', field: 'inDevice', name, prefix }, negated }];
}

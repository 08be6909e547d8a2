// Rules of NAT that packets meet before anybody knows where they go, as plain data: what may change a packet's destination.
//
// A condition that is not understood is left out, so that a rule is taken to apply to more packets than it does, never to
// fewer.

import type { Family } from './family.ts';
import type { IntervalSet } from './intervals.ts';
import type { Literal } from './predicate.ts';
import type { WideIntervalSet } from './wide-intervals.ts';

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

/** Bytes of an address. */
export const ADDRESS_BYTES: Readonly<Record<Family, number>> = { ipv4: 4, ipv6: 16 };

type NumberField = 'protocol' | 'sport' | 'dport';
type AddressField = 'src' | 'dst';

/** What no packet is. */
export const NEVER: NatConditions = asksNumber('protocol', [], false);

export function asksNumber(field: NumberField, set: IntervalSet, negated: boolean): NatConditions {
  return [{ predicate: { kind: 'in', field, set }, negated }];
}

export function asksAddress(
  family: Family,
  field: AddressField,
  addresses: WideIntervalSet,
  negated: boolean,
): NatConditions {
  if (family === 'ipv6') return [{ predicate: { kind: 'wide', field: `${field}6`, set: addresses }, negated }];
  const set = addresses.map(({ low, high }) => ({ low: Number(low), high: Number(high) }));
  return [{ predicate: { kind: 'in', field, set }, negated }];
}

/** That an address has a value where a mask has ones, and zeros elsewhere; nothing where its ones are not the first bits. */
export function asksMasked(
  family: Family,
  field: AddressField,
  value: bigint,
  mask: bigint,
  negated: boolean,
): NatConditions {
  const others = (1n << BigInt(8 * ADDRESS_BYTES[family])) - 1n - mask;
  if (mask === 0n || (others & (others + 1n)) !== 0n) return [];
  const isPossible = (value & others) === 0n;
  return asksAddress(family, field, isPossible ? [{ low: value, high: value + others }] : [], negated);
}

/** That a packet comes in by a device of this name, or of one that begins with it. */
export function asksDevice(name: string, prefix: boolean, negated: boolean): NatConditions {
  return [{ predicate: { kind: 'device', field: 'inDevice', name, prefix }, negated }];
}

/** The number that bytes are, the first of them the highest. */
export function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

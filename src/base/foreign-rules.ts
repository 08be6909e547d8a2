// Rules of others that packets meet before the filter table, as plain data: which packets these may do something to.
//
// A condition that is not understood is left out, so that a rule is taken to apply to more packets than it does, never to
// fewer.

import type { Family } from './family.ts';
import type { IntervalSet } from './intervals.ts';
import type { Literal } from './predicate.ts';
import type { WideIntervalSet } from './wide-intervals.ts';

/** What a rule asks: all of it. */
export type ForeignConditions = readonly Literal[];

export interface ForeignRule {
  readonly asks: ForeignConditions;
  /** A chain that it leads to; or whether it may change, count or take away a packet, or do anything else that matters. */
  readonly does: 'nothing' | 'something' | { readonly leadsTo: string };
}

/** The tables of iptables-legacy whose rules packets may meet before the filter table, in that order. */
export const LEGACY_TABLES = ['raw', 'mangle', 'nat'] as const;
export type LegacyTable = (typeof LEGACY_TABLES)[number];

/** Where packets meet rules: of NAT at PREROUTING, and all others. */
export const FOREIGN_PLACES = ['NAT', 'PREROUTING', 'INPUT', 'FORWARD'] as const;
export type ForeignPlace = (typeof FOREIGN_PLACES)[number];

/** A chain that all packets enter which come to its place. */
export interface EnteredChain {
  /** In `ForeignChains.chains`. */
  readonly key: string;
  /** As administrators know it. */
  readonly name: string;
  readonly at: ForeignPlace;
  /** The table of iptables-legacy that it belongs to; absent if it is one of nftables. */
  readonly table?: LegacyTable;
}

export interface ForeignChains {
  readonly entered: readonly EnteredChain[];
  readonly chains: ReadonlyMap<string, readonly ForeignRule[]>;
  /** Whether rules may have connections expected. */
  readonly mayExpect: boolean;
}

/** Bytes of an address. */
export const ADDRESS_BYTES: Readonly<Record<Family, number>> = { ipv4: 4, ipv6: 16 };

type NumberField = 'protocol' | 'transportLength' | 'sport' | 'dport' | 'tcpFlags';
type AddressField = 'src' | 'dst';

/** What no packet is. */
export const NEVER: ForeignConditions = asksNumber('protocol', [], false);

export function asksNumber(field: NumberField, set: IntervalSet, negated: boolean): ForeignConditions {
  return [{ predicate: { kind: 'in', field, set }, negated }];
}

export function asksAddress(
  family: Family,
  field: AddressField,
  addresses: WideIntervalSet,
  negated: boolean,
): ForeignConditions {
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
): ForeignConditions {
  const others = (1n << BigInt(8 * ADDRESS_BYTES[family])) - 1n - mask;
  if (mask === 0n || (others & (others + 1n)) !== 0n) return [];
  const isPossible = (value & others) === 0n;
  return asksAddress(family, field, isPossible ? [{ low: value, high: value + others }] : [], negated);
}

/** That the flags of TCP under a mask are these. */
export function asksFlags(mask: number, value: number, negated: boolean): ForeignConditions {
  return [{ predicate: { kind: 'masked', field: 'tcpFlags', mask, value }, negated }];
}

/** That a packet comes in by a device of this name, or of one that begins with it. */
export function asksDevice(name: string, prefix: boolean, negated: boolean): ForeignConditions {
  return [{ predicate: { kind: 'device', field: 'inDevice', name, prefix }, negated }];
}

/** The number that bytes are, the first of them the highest. */
export function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

// An address of either family: a number is IPv4 (unsigned, 32 bits), a bigint is IPv6 (128 bits).

import { formatAddress, type MaskedAddress, maskPrefix } from './ipv4.ts';
import { formatAddress6, type MaskedAddress6, maskPrefix6 } from './ipv6.ts';

export type Address = number | bigint;

/** A value with the bits that count, of either family. */
export type MaskedAny = MaskedAddress | MaskedAddress6;

export function formatAny(address: Address): string {
  return typeof address === 'number' ? formatAddress(address) : formatAddress6(address);
}

/** The prefix length of a contiguous mask, or `undefined` where it has holes. */
export function prefixLength(mask: Address): number | undefined {
  return typeof mask === 'number' ? maskPrefix(mask) : maskPrefix6(mask);
}

/** `10.0.0.0/8`, `fe80::/10`; a mask with holes is written like an address. */
export function formatMasked({ value, mask }: MaskedAny): string {
  return `${formatAny(value)}/${prefixLength(mask) ?? formatAny(mask)}`;
}

// IPv4 addresses and masks as iptables reads and prints them.
//
// Addresses are unsigned 32-bit numbers in host order: 10.0.0.1 is 0x0a000001. Masks need not be contiguous.

import type { IntervalSet } from './intervals.ts';

/** A value with the bits that count: an address matches when `(address & mask) === value`. */
export interface MaskedAddress {
  /** Already masked, unsigned 32 bits. */
  readonly value: number;
  /** Unsigned 32 bits, not necessarily contiguous. */
  readonly mask: number;
}

/** The addresses of more than one host: multicast (RFC 1112) and the limited broadcast address (RFC 919). */
export const GROUP_ADDRESSES: IntervalSet = [
  { low: 0xe0000000, high: 0xefffffff },
  { low: 0xffffffff, high: 0xffffffff },
];

/** Prints an address in dotted form: `0x0a000001` is `10.0.0.1`. */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** The mask of a prefix length 0–32, unsigned. */
export function prefixMask(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

/** The prefix length of a contiguous mask, or `undefined` where it has holes. */
export function maskPrefix(mask: number): number | undefined {
  const length = Math.clz32(~mask >>> 0);
  return prefixMask(length) === mask >>> 0 ? length : undefined;
}

/** Reads an address as inet_pton(3): four decimal octets without leading zeros. */
export function parseAddress(text: string): number | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  if (octets === undefined || octets.some((octet) => Number(octet) > 255 || /^0./.test(octet))) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

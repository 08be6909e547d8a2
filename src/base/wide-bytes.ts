// Values of 16 bytes as packets and the kernel have them: addresses in network order, and device names.

import type { DeviceName } from './predicate.ts';

/** An address of IPv6, its uppermost byte first. */
export function addressBytes(address: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const data = new DataView(bytes.buffer);
  data.setBigUint64(0, BigInt.asUintN(64, address >> 64n));
  data.setBigUint64(8, BigInt.asUintN(64, address));
  return bytes;
}

/**
 * A name and the bytes of it that iptables compares: up to its end for a prefix, with the terminating zero for a whole name;
 * what lies behind that zero in the kernel's 16 bytes does not count.
 */
export function deviceBytes({ name, prefix }: Pick<DeviceName, 'name' | 'prefix'>): {
  bytes: Uint8Array;
  mask: Uint8Array;
} {
  const bytes = new Uint8Array(16);
  const text = Buffer.from(name, 'latin1');
  bytes.set(text.subarray(0, 15));
  const length = Math.min(text.length, 15) + (prefix ? 0 : 1);
  return { bytes, mask: new Uint8Array(16).fill(0xff, 0, length) };
}

// Values of 16 bytes as packets and the kernel have them: addresses in network order, and device names.

import { bytesOfName, comparedBytes } from './device-name.ts';
import type { DeviceName } from './predicate.ts';

/** An address of IPv6, its uppermost byte first. */
export function addressBytes(address: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const data = new DataView(bytes.buffer);
  data.setBigUint64(0, BigInt.asUintN(64, address >> 64n));
  data.setBigUint64(8, BigInt.asUintN(64, address));
  return bytes;
}

/** A name and the bytes of it that iptables compares; what lies behind these in the kernel's 16 bytes does not count. */
export function deviceBytes(device: Pick<DeviceName, 'name' | 'prefix'>): { bytes: Uint8Array; mask: Uint8Array } {
  // A copy, as short buffers share memory: its words are read where it begins.
  const bytes = new Uint8Array(bytesOfName(device.name));
  return { bytes, mask: new Uint8Array(16).fill(0xff, 0, comparedBytes(device)) };
}

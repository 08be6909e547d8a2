// Names of devices: text where people write and read them, bytes where they are compared.

import type { DeviceName } from './predicate.ts';

/** Bytes of a name at most; a zero stands behind it (IFNAMSIZ). */
const NAME_LENGTH = 15;

/**
 * A name as the kernel compares it: of its bytes in UTF-8, one character for each. So are names in predicates and packets;
 * most are ASCII, and the same.
 */
export function nameInBytes(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}

/** The text of a name of the kernel. What is no UTF-8 is a name that no rule can have. */
export function nameOfBytes(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end === -1 ? bytes.length : end)).toString('utf8');
}

/** A name's 16 bytes, as packets and tables have them. */
export function bytesOfName(name: string): Buffer {
  const bytes = Buffer.alloc(NAME_LENGTH + 1);
  bytes.write(name.slice(0, NAME_LENGTH), 'latin1');
  return bytes;
}

/** How many of them iptables compares: up to its end of a prefix, with the zero behind it of a whole name. */
export function comparedBytes({ name, prefix }: Pick<DeviceName, 'name' | 'prefix'>): number {
  return Math.min(name.length, NAME_LENGTH) + (prefix ? 0 : 1);
}

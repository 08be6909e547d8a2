// Names of devices: text where people write and read them, bytes where they are compared.

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

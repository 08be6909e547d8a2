// How arrays of numbers lie in the store: little-endian, without a header, so any tool can read them.
//
//   counter base   packets i64, bytes i64, per slot (signed: a base may exceed or fall short of what programs counted);
//                  zeros at the end are left out
//   slots          i32 each, −1 for none

export function encodeBase(base: BigInt64Array): Buffer {
  const words = new Int32Array(base.buffer, base.byteOffset, 2 * base.length);
  let { length } = words;
  while (length > 0 && words[length - 1] === 0) length--;
  return Buffer.from(base.buffer, base.byteOffset, 8 * Math.ceil(length / 2));
}

/** The base of so many slots. */
export function decodeBase(blob: Buffer, slots: number): BigInt64Array {
  const base = new BigInt64Array(2 * slots);
  new Uint8Array(base.buffer).set(blob);
  return base;
}

export function encodeSlots(slots: Int32Array): Buffer {
  return Buffer.from(slots.buffer, slots.byteOffset, slots.byteLength);
}

export function decodeSlots(blob: Buffer): Int32Array {
  return new Int32Array(Uint8Array.from(blob).buffer);
}

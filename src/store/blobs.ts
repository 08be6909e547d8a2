// How arrays of numbers lie in the store: little-endian, without a header, so any tool can read them.
//
//   counter base   packets i64, bytes i64, per slot (signed: a base may exceed or fall short of what programs counted)
//   slots          i32 each, −1 for none

export function encodeBase(base: BigInt64Array): Buffer {
  return Buffer.from(base.buffer, base.byteOffset, base.byteLength);
}

export function decodeBase(blob: Buffer): BigInt64Array {
  // A copy: a buffer of SQLite's need not begin where 64-bit numbers can.
  return new BigInt64Array(Uint8Array.from(blob).buffer);
}

export function encodeSlots(slots: Int32Array): Buffer {
  return Buffer.from(slots.buffer, slots.byteOffset, slots.byteLength);
}

export function decodeSlots(blob: Buffer): Int32Array {
  return new Int32Array(Uint8Array.from(blob).buffer);
}

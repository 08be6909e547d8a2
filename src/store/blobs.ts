// How arrays of numbers lie in the store: little-endian, without a header, so any tool can read them.
//
//   counter base   packets i64, bytes i64, per slot (signed: a base may exceed or fall short of what programs counted)
//   carry map      i32 per slot of the new generation: the slot of the old one, −1 where there is none

import type { Counters } from '../base/counters.ts';

export function encodeCounters(counters: readonly Counters[]): Buffer {
  const blob = Buffer.alloc(counters.length * 16);
  counters.forEach((c, slot) => {
    blob.writeBigInt64LE(c.packets, slot * 16);
    blob.writeBigInt64LE(c.bytes, slot * 16 + 8);
  });
  return blob;
}

export function decodeCounters(blob: Buffer): Counters[] {
  const counters: Counters[] = [];
  for (let at = 0; at < blob.length; at += 16) {
    counters.push({ packets: blob.readBigInt64LE(at), bytes: blob.readBigInt64LE(at + 8) });
  }
  return counters;
}

export function encodeSlots(slots: readonly number[]): Buffer {
  const blob = Buffer.alloc(slots.length * 4);
  slots.forEach((old, slot) => {
    blob.writeInt32LE(old, slot * 4);
  });
  return blob;
}

export function decodeSlots(blob: Buffer): number[] {
  const slots: number[] = [];
  for (let at = 0; at < blob.length; at += 4) slots.push(blob.readInt32LE(at));
  return slots;
}

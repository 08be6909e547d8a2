// Arithmetic on registers as pairs of unsigned 32-bit halves: `hi` and `lo` have those of all, by number.

import type { Word } from './vm-memory.ts';

export function word(hi: Uint32Array, lo: Uint32Array, register: number): Word {
  return { hi: hi[register]!, lo: lo[register]! };
}

export function set(hi: Uint32Array, lo: Uint32Array, register: number, value: Word): void {
  hi[register] = value.hi;
  lo[register] = value.lo;
}

export function addTo(hi: Uint32Array, lo: Uint32Array, d: number, valueHi: number, valueLo: number): void {
  const sum = lo[d]! + valueLo;
  hi[d] = hi[d]! + valueHi + (sum > 0xffffffff ? 1 : 0);
  lo[d] = sum;
}

export function shiftLeft(hi: Uint32Array, lo: Uint32Array, d: number, count: number): void {
  if (count === 0) return;
  const low = lo[d]!;
  hi[d] = count < 32 ? (hi[d]! << count) | (low >>> (32 - count)) : low << (count - 32);
  lo[d] = count < 32 ? low << count : 0;
}

/** Shifts in `fill`: 32 bits, all of them the same. */
export function shiftRight(hi: Uint32Array, lo: Uint32Array, d: number, count: number, fill: number): void {
  if (count === 0) return;
  const high = hi[d]!;
  if (count < 32) {
    lo[d] = (lo[d]! >>> count) | (high << (32 - count));
    hi[d] = (high >>> count) | (fill << (32 - count));
  } else {
    lo[d] = count === 32 ? high : (high >>> (count - 32)) | (fill << (64 - count));
    hi[d] = fill;
  }
}

export function swap(hi: Uint32Array, lo: Uint32Array, d: number, bits: number): void {
  const low = lo[d]!;
  lo[d] = bits === 16 ? swapped(low) >>> 16 : swapped(bits === 64 ? hi[d]! : low);
  hi[d] = bits === 64 ? swapped(low) : 0;
}

function swapped(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

export function cut(hi: Uint32Array, lo: Uint32Array, d: number, bits: number): void {
  if (bits < 64) hi[d] = 0;
  if (bits === 16) lo[d]! &= 0xffff;
}

/** Compares halves; signed where the upper ones are given signed. */
export function isBelow(aHi: number, aLo: number, bHi: number, bLo: number): boolean {
  return aHi < bHi || (aHi === bHi && aLo < bLo);
}

// 64-bit multiplication and division on halves. Small operands stay in doubles, the others take the way over BigInt.

import type { Word } from './vm-memory.ts';

const HALF = 0x100000000;

export function multiply(a: Word, b: Word): Word {
  const product = a.lo * b.lo;
  if (a.hi === 0 && b.hi === 0 && product <= Number.MAX_SAFE_INTEGER) return fromNumber(product);
  return fromBigInt(toBigInt(a) * toBigInt(b));
}

/** Division by zero gives 0. */
export function divide(a: Word, b: Word): Word {
  if (a.hi === 0 && b.hi === 0) return fromNumber(b.lo === 0 ? 0 : Math.floor(a.lo / b.lo));
  return b.hi === 0 && b.lo === 0 ? { hi: 0, lo: 0 } : fromBigInt(toBigInt(a) / toBigInt(b));
}

/** The remainder of a division by zero is the dividend. */
export function remainder(a: Word, b: Word): Word {
  if (b.hi === 0 && b.lo === 0) return a;
  if (a.hi === 0 && b.hi === 0) return fromNumber(a.lo % b.lo);
  return fromBigInt(toBigInt(a) % toBigInt(b));
}

function fromNumber(value: number): Word {
  return { hi: Math.floor(value / HALF), lo: value % HALF };
}

function toBigInt({ hi, lo }: Word): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo);
}

function fromBigInt(value: bigint): Word {
  return { hi: Number((value >> 32n) & 0xffffffffn), lo: Number(value & 0xffffffffn) };
}

// Arithmetic on the bits of addresses of either family: a number has 32 of them, a bigint 128.

import type { Address } from '../../src/base/address.ts';
import { prefixMask } from '../../src/base/ipv4.ts';
import { prefixMask6 } from '../../src/base/ipv6.ts';
import type { Choice } from './random.ts';

export function bitsOf(address: Address): 32 | 128 {
  return typeof address === 'number' ? 32 : 128;
}

/** The mask of a prefix length, for addresses like this one. */
export function maskFor(address: Address, length: number): Address {
  return typeof address === 'number' ? prefixMask(length) : prefixMask6(length);
}

export function and(a: Address, b: Address): Address {
  return combine(a, b, (x, y) => x & y);
}

export function or(a: Address, b: Address): Address {
  return combine(a, b, (x, y) => x | y);
}

export function xor(a: Address, b: Address): Address {
  return combine(a, b, (x, y) => x ^ y);
}

export function not(a: Address): Address {
  return xor(a, allBits(a));
}

/** The address with all bits set. */
export function allBits(a: Address): Address {
  return maskFor(a, bitsOf(a));
}

/** A random address like this one. */
export function randomLike(choice: Choice, a: Address): Address {
  if (typeof a === 'number') return choice.word();
  return [0, 1, 2, 3].reduce((all) => (all << 32n) | BigInt(choice.word()), 0n);
}

/** One of the bits that are set; none where none is. */
export function oneBit(choice: Choice, mask: Address): Address {
  const bits = Array.from({ length: bitsOf(mask) }, (_, i) => 1n << BigInt(i)).filter((bit) => BigInt(mask) & bit);
  const bit = bits.length === 0 ? 0n : choice.pick(bits);
  return typeof mask === 'number' ? Number(bit) : bit;
}

/** `b` may be of the other family, if it is small enough. */
function combine(a: Address, b: Address, join: (x: bigint, y: bigint) => bigint): Address {
  const joined = join(BigInt(a), BigInt(b));
  return typeof a === 'number' ? Number(joined) : joined;
}

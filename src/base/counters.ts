// Hit counters: packets and bytes, 64 bits each.

export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export const ZERO: Counters = { packets: 0n, bytes: 0n };

export function addCounters(a: Counters, b: Counters): Counters {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}

const MOST = 0xffff_ffff_ffff_ffffn;

/**
 * The number that a text begins with, as C reads one of 64 bits (strtoull): one that is too large is the largest, a
 * negative one wraps around. Undefined where it does not begin with a number.
 */
export function leadingCounter(text: string): bigint | undefined {
  const [, sign, digits] = /^\s*([+-]?)(\d+)/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = BigInt(digits);
  if (value > MOST) return MOST;
  return sign === '-' ? BigInt.asUintN(64, -value) : value;
}

// Numbers that a text only begins with, as C's readers take them; where iptables looks at what follows, or at nothing.

import { parseInteger } from '../../../grammar/nodes.ts';

const UNSIGNED_MOST = (1n << 64n) - 1n;
const SIGNED_MOST = (1n << 63n) - 1n;

/** A number in front, and what stands behind it. */
export interface Scanned {
  readonly value: bigint;
  readonly rest: string;
}

/** A number of base 8, 10 or 16 within bounds, no `-` in front; undefined where none begins or it is out of bounds. */
export function scanNumber(text: string, low: bigint, high: bigint): Scanned | undefined {
  const found = beginning(text);
  if (found === undefined || found.sign === '-') return undefined;
  return low <= found.size && found.size <= high ? { value: found.size, rest: found.rest } : undefined;
}

export interface ScannedWrapped extends Scanned {
  /** The number needs more than 64 bits. */
  readonly overflows: boolean;
}

/** Likewise as strtoul(3) where iptables does not look for a sign: `-1` is the largest. */
export function scanWrapped(text: string): ScannedWrapped | undefined {
  const found = beginning(text);
  if (found === undefined) return undefined;
  const value = BigInt.asUintN(64, found.sign === '-' ? -found.size : found.size);
  return { value, overflows: found.size > UNSIGNED_MOST, rest: found.rest };
}

function beginning(text: string): { readonly sign: string; readonly size: bigint; readonly rest: string } | undefined {
  const found = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (found === null) return undefined;
  return { sign: found[1]!, size: parseInteger(found[2]!), rest: text.slice(found[0].length) };
}

/** A decimal number as strtoul(3): no digits are 0, what is too large is the largest, `-` wraps round. */
export function scanDecimal(text: string): Scanned {
  const found = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)/.exec(text);
  if (found === null) return { value: 0n, rest: text };
  const value = BigInt(found[2]!);
  const rest = text.slice(found[0].length);
  if (value > UNSIGNED_MOST) return { value: UNSIGNED_MOST, rest };
  return { value: found[1] === '-' ? BigInt.asUintN(64, -value) : value, rest };
}

/** As atoll(3): whatever follows the digits counts for nothing. */
export function atoll(text: string): bigint {
  const digits = /^[ \t\n\v\f\r]*([+-]?[0-9]+)/.exec(text)?.[1];
  if (digits === undefined) return 0n;
  const value = BigInt(digits.replace('+', ''));
  if (value > SIGNED_MOST) return SIGNED_MOST;
  return value < -SIGNED_MOST - 1n ? -SIGNED_MOST - 1n : value;
}

/** As atoi(3): the low 32 bits of `atoll`. */
export function atoi(text: string): number {
  return Number(BigInt.asIntN(32, atoll(text)));
}

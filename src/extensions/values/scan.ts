// Numbers that a text only begins with, as C's readers take them; where iptables looks at what follows, or at nothing.

const UNSIGNED_MOST = (1n << 64n) - 1n;
const SIGNED_MOST = (1n << 63n) - 1n;

/** A number in front, and what stands behind it. */
export interface Scanned {
  readonly value: bigint;
  readonly rest: string;
}

/** A number of base 8, 10 or 16 within bounds, no `-` in front; undefined where none begins or it is out of bounds. */
export function scanNumber(text: string, low: bigint, high: bigint): Scanned | undefined {
  const found = /^[ \t\n\v\f\r]*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (found === null) return undefined;
  const digits = found[1]!;
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return low <= value && value <= high ? { value, rest: text.slice(found[0].length) } : undefined;
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

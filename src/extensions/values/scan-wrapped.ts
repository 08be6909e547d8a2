// Numbers as strtoul(3) takes them where iptables does not look for a sign: `-1` is the largest.

const MOST = (1n << 64n) - 1n;

export interface ScannedWrapped {
  readonly value: bigint;
  /** The number needs more than 64 bits. */
  readonly overflows: boolean;
  readonly rest: string;
}

/** A number of base 8, 10 or 16 in front; undefined where none begins. */
export function scanWrapped(text: string): ScannedWrapped | undefined {
  const found = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (found === null) return undefined;
  const [all, sign, digits] = found as unknown as readonly [string, string, string];
  const size = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = BigInt.asUintN(64, sign === '-' ? -size : size);
  return { value, overflows: size > MOST, rest: text.slice(all.length) };
}

// Fractions as strtod(3) reads them, hexadecimal ones, infinity and NaN included; they too may be followed by a unit.

/** A fraction in front, and what stands behind it. */
export interface ScannedFloat {
  readonly value: number;
  readonly rest: string;
}

const NUMBER =
  /^[ \t\n\v\f\r]*([+-]?)(?:(inf(?:inity)?|nan(?:\([a-z0-9_]*\))?)|0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p([+-]?[0-9]+))?|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?))/i;

/** Undefined where no number begins. `0x` without a digit is a 0 that an x follows. */
export function scanFloat(text: string): ScannedFloat | undefined {
  const found = NUMBER.exec(text);
  if (found === null) return undefined;
  const [whole, sign, special, hex, exponent, decimal] = found;
  const size = special ? infinityOrNan(special) : hex ? hexadecimal(hex, Number(exponent ?? 0)) : Number(decimal);
  return { value: sign === '-' ? -size : size, rest: text.slice(whole.length) };
}

function infinityOrNan(word: string): number {
  return /^nan/i.test(word) ? Number.NaN : Number.POSITIVE_INFINITY;
}

function hexadecimal(digits: string, exponent: number): number {
  const [whole = '', fraction = ''] = digits.split('.');
  return Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (exponent - 4 * fraction.length);
}

/** As processors convert a fraction to 32 bits: by way of 64, of which the lower are 0 for what does not fit. */
export function toUnsigned32(value: number): number {
  return Math.abs(value) < 2 ** 63 ? Number(BigInt.asUintN(32, BigInt(Math.trunc(value)))) : 0;
}

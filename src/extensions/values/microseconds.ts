// Times as traffic control writes them (tc(8)): `250ms`, `1.5s`, `100us`.

/** What strtod(3) takes for a number, hexadecimal fractions included. */
const NUMBER =
  /^[ \t\n\v\f\r]*([+-]?)(?:(inf(?:inity)?|nan)|0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?))/i;

const UNITS: Readonly<Record<string, number>> = {
  ...{ '': 1, s: 1e6, sec: 1e6, secs: 1e6, ms: 1e3, msec: 1e3, msecs: 1e3, us: 1, usec: 1, usecs: 1 },
};

/** A time in microseconds, which a number without a unit is as well; undefined for anything else. */
export function microseconds(text: string): number | undefined {
  const found = NUMBER.exec(text);
  if (found === null) return undefined;
  const [whole, sign, special, hexWhole, hexFraction, exponent, decimal] = found;
  const hex = hexWhole !== undefined;
  // `0x` without a digit is a 0, and the x is what follows it.
  if (hex && `${hexWhole}${hexFraction}` === '') return undefined;
  const unit = UNITS[text.slice(whole.length).toLowerCase()];
  if (unit === undefined) return undefined;
  if (special !== undefined) return 0;
  const size = hex ? hexadecimal(hexWhole, hexFraction!, Number(exponent ?? 0)) : Number(decimal);
  return toUnsigned((sign === '-' ? -size : size) * unit);
}

function hexadecimal(whole: string, fraction: string, exponent: number): number {
  return Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (exponent - 4 * fraction.length);
}

/** As processors convert a fraction to 32 bits: by way of 64, of which the lower are 0 for what does not fit. */
function toUnsigned(value: number): number {
  return Math.abs(value) < 2 ** 63 ? Number(BigInt.asUintN(32, BigInt(Math.trunc(value)))) : 0;
}

/** `1.0s`, `250.0ms`, `3us`: one digit behind the point where the unit is not the smallest. */
export function showMicroseconds(time: number): string {
  if (time >= 1e6) return `${(time / 1e6).toFixed(1)}s`;
  return time >= 1e3 ? `${(time / 1e3).toFixed(1)}ms` : `${time}us`;
}

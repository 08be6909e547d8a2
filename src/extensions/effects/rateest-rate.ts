// Rates in bits or bytes a second as rateest reads and prints them: `100kbit`, `2MiBps`; kept as bytes a second.

import { ValueError, type ValueType } from '../extension.ts';
import { scanFloat, toUnsigned32 } from '../values/float.ts';

const KIBI = 1024;
const KILO = 1000;

/** Bits a second of each unit, in any case of letters. */
const UNITS: ReadonlyMap<string, number> = new Map(
  ['', 'k', 'm', 'g', 't'].flatMap((size, power): [string, number][] => [
    [`${size}bit`, KILO ** power],
    [`${size}bps`, 8 * KILO ** power],
    ...(power === 0
      ? []
      : ([
          [`${size}ibit`, KIBI ** power],
          [`${size}ibps`, 8 * KIBI ** power],
        ] as [string, number][])),
  ]),
);

/** Bytes a second in 32 bits: a number alone counts bits, what is too large wraps. */
export const byteRate: ValueType<number> = {
  placeholder: 'rate',
  parse(text) {
    const bytes = readRate(text);
    if (bytes === undefined) throw new ValueError(`rateest: could not parse rate \`${text}'`);
    return bytes;
  },
};

function readRate(text: string): number | undefined {
  const scanned = scanFloat(text);
  const bits = scanned?.rest === '' ? 1 : UNITS.get(scanned?.rest.toLowerCase() ?? 'none');
  return bits === undefined ? undefined : toUnsigned32((scanned!.value * bits) / 8);
}

/** In bits, kilobits from a million on, megabits from a thousand millions on; a half goes to the even neighbour. */
export function bitsText(bytes: number): string {
  const bits = bytes * 8;
  if (bits >= 1e9) return `${roundHalfEven(bits, 1e6)}Mbit`;
  return bits >= 1e6 ? `${roundHalfEven(bits, 1e3)}Kbit` : `${bits}bit`;
}

/** Likewise, but in bits where the larger unit would read back as another rate. */
export function exactBitsText(bytes: number): string {
  const usual = bitsText(bytes);
  return readRate(usual) === bytes ? usual : `${bytes * 8}bit`;
}

function roundHalfEven(value: number, unit: number): number {
  const [whole, twice] = [Math.floor(value / unit), (value % unit) * 2];
  return whole + (twice > unit || (twice === unit && whole % 2 === 1) ? 1 : 0);
}

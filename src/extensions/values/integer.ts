// Numbers as C's strtoul reads them (`80`, `0x50`, `0120`), with limits; messages as iptables has them.

import { parseValue } from '../../../grammar/parse.ts';
import { type ValueContext, ValueError, type ValueType } from '../extension.ts';
import { scanFloat } from './float.ts';
import { scanNumber } from './scan.ts';

const bits = (n: number): bigint => (1n << BigInt(n)) - 1n;

function outOfRange({ extension, option }: ValueContext, low: bigint, high: bigint): ValueError {
  return new ValueError(`${extension}: bad value for option "${option}", or out of range (${low}-${high}).`);
}

/** One number; `low` and `high` are bounds that are allowed themselves. */
export function integer(high: number | bigint, low: number | bigint = 0, placeholder = 'number'): ValueType<number> {
  const type = bigInteger(high, low, placeholder);
  return { placeholder, parse: (text, context) => Number(type.parse(text, context)) };
}

/** One number that may need 64 bits. */
function bigInteger(high: number | bigint, low: number | bigint = 0, placeholder = 'number'): ValueType<bigint> {
  const [least, most] = [BigInt(low), BigInt(high)];
  return {
    placeholder,
    parse(text, context) {
      const parsed = parseValue('integer', text);
      if (parsed.ok && least <= parsed.node && parsed.node <= most) return parsed.node;
      throw outOfRange(context, least, most);
    },
  };
}

export const uint8 = integer(bits(8));
export const uint16 = integer(bits(16));
export const uint32 = integer(bits(32));
export const uint64 = bigInteger(bits(64));

/** What `n`, `n:m`, `n:` and `:m` give: as many numbers as are written, an absent end being the least or the most. */
export type Integers = readonly bigint[];

/** Numbers between colons, two at most. A single number stays single: the extension says what it means. */
export function integers(width: 8 | 16 | 32 | 64, placeholder = 'number[:number]'): ValueType<Integers> {
  const most = bits(width);
  return {
    placeholder,
    parse(text, context) {
      const { extension, option } = context;
      const parts = text.split(':');
      const values = parts.map((part, i) => {
        if (i === 2) {
          throw new ValueError(`${extension}: Too many components for option "${option}" (max: 2)`);
        }
        if (part === '') return i === 1 ? most : 0n;
        const parsed = parseValue('integer', part);
        const rest = parts.slice(i).join(':');
        if (parsed.ok && parsed.node <= most) return parsed.node;
        const beginning = parsed.ok ? undefined : /^[ \t]*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(part)?.[0];
        if (beginning !== undefined && BigInt(beginning.trim().replace(/^\+/, '')) <= most) {
          const unexpected = rest.slice(beginning.length);
          throw new ValueError(`${extension}: Argument to "${option}" has unexpected characters near "${unexpected}".`);
        }
        throw new ValueError(
          `${extension}: bad value for option "${option}" near "${rest}", or out of range (0-${most}).`,
        );
      });
      return values;
    },
  };
}

/** The two ends of `integers`; a single number is both. */
export function endsOf(values: Integers): { readonly low: number; readonly high: number } {
  return { low: Number(values[0]!), high: Number(values[1] ?? values[0]!) };
}

/** A fraction between bounds (none if both are 0), NaN too. */
export function decimal(low: number, high: number, placeholder = 'fraction'): ValueType<number> {
  return {
    placeholder,
    parse(text, context) {
      const parsed = parseValue('decimal', text);
      const scanned = parsed.ok ? { value: parsed.node, rest: '' } : scanFloat(text);
      // NaN is neither below nor above anything.
      const isOutside = low !== high && scanned && (scanned.value < low || scanned.value > high);
      if (scanned?.rest === '' && !isOutside) return scanned.value;
      throw outOfRange(context, BigInt(low), BigInt(high));
    },
  };
}

/** A value with the bits of it that count. */
export interface Masked {
  readonly value: number;
  readonly mask: number;
}

/** `value[/mask]` of 32 bits: all bits count where no mask is given. */
export const mark: ValueType<Masked> = {
  placeholder: 'value[/mask]',
  parse(text, { extension, option }) {
    const most = bits(32);
    const parsed = parseValue('maskedInteger', text);
    if (parsed.ok && parsed.node.value <= most && (parsed.node.mask ?? 0n) <= most) {
      return { value: Number(parsed.node.value), mask: Number(parsed.node.mask ?? most) };
    }
    const value = scanNumber(text, 0n, most);
    const end = value?.rest.startsWith('/') ? scanNumber(value.rest.slice(1), 0n, most) : value;
    if (end !== undefined && end.rest !== '') {
      throw new ValueError(`${extension}: trailing garbage after value for option "${option}".`);
    }
    throw new ValueError(`${extension}: bad integer value for option "${option}", or out of range.`);
  },
};

// `-m string`: bytes that are somewhere in the packet. Kernel: net/netfilter/xt_string.c.

import { ExtensionError, type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { integer } from '../values/integer.ts';
import { keptText } from '../values/kept-text.ts';
import { hexString, PATTERN_SIZE } from './hex-string.ts';

export interface StringData {
  /** The bytes looked for. */
  readonly pattern: readonly number[];
  readonly negated: boolean;
  readonly algorithm: string;
  /** Where the bytes may begin, from the start of the packet. */
  readonly from: number;
  readonly to: number;
  readonly ignoreCase: boolean;
}

/** Bytes of the algorithm's name with the final zero. */
const ALGORITHM_SIZE = 16;
const TO_MOST = 0xffff;

/** Those of lib/ts_*.c that take patterns of any bytes; ts_fsm asks for a pattern of another make. */
const ALGORITHMS = ['bm', 'kmp'];

const literal: ValueType<readonly number[]> = {
  placeholder: 'text',
  parse(text) {
    const bytes = [...new TextEncoder().encode(text)];
    if (bytes.length > PATTERN_SIZE) throw new ValueError(`STRING too long "${text}"`);
    return bytes;
  },
};

export const string: MatchExtension<StringData> = {
  kind: 'match',
  name: 'string',
  about: 'matches packets that hold a text',
  options: [
    { name: '--from', values: [integer(0xffff, 0, 'offset')], about: 'where to begin looking; 0 if not given' },
    { name: '--to', values: [integer(TO_MOST, 0, 'offset')], about: 'where to end looking' },
    {
      ...{ name: '--algo', values: [keptText(ALGORITHM_SIZE - 1, 0, 'bm|kmp')], required: true },
      about: 'how to look: Boyer-Moore or Knuth-Morris-Pratt',
    },
    { name: '--string', values: [literal], negatable: true, excludes: ['--hex-string'], about: 'the text' },
    {
      ...{ name: '--hex-string', values: [hexString], negatable: true, excludes: ['--string'] },
      about: 'the text, with bytes in hexadecimal between bars',
    },
    { name: '--icase', values: [], about: 'takes small and capital letters for the same' },
  ],

  precheck(uses) {
    if (isGiven(uses, '--string') || isGiven(uses, '--hex-string')) return;
    throw new ExtensionError('missing-option', "STRING match: You must specify `--string' or `--hex-string'");
  },

  build(uses) {
    const text = uses.find(({ name }) => name === '--string' || name === '--hex-string')!;
    return {
      pattern: text.values[0] as readonly number[],
      negated: text.negated,
      algorithm: firstValue<string>(uses, '--algo')!,
      from: firstValue<number>(uses, '--from') ?? 0,
      to: firstValue<number>(uses, '--to') ?? TO_MOST,
      ignoreCase: isGiven(uses, '--icase'),
    };
  },

  check({ pattern, algorithm, from, to }) {
    if (from > to) return 'the search would end before it begins';
    if (!ALGORITHMS.includes(algorithm)) {
      const message = `there is no algorithm "${algorithm}" for texts`;
      return { message, reason: 'No chain/target/match by that name' };
    }
    return pattern.length === 0 ? 'the text is empty' : undefined;
  },

  print({ pattern, negated, algorithm, from, to, ignoreCase }) {
    const words = [...(negated ? ['!'] : []), isPlain(pattern) ? '--string' : '--hex-string', quoted(pattern)];
    words.push('--algo', bareText(algorithm));
    if (from !== 0) words.push('--from', `${from}`);
    if (to !== TO_MOST) words.push('--to', `${to}`);
    if (ignoreCase) words.push('--icase');
    return words;
  },

  list({ pattern, negated, algorithm, from, to, ignoreCase }) {
    const words = ['STRING match', negated ? '!' : '', quoted(pattern), `ALGO name ${algorithm}`];
    if (from !== 0) words.push(`FROM ${from}`);
    if (to !== TO_MOST) words.push(`TO ${to}`);
    if (ignoreCase) words.push('ICASE');
    return words.join(' ');
  },
};

/** Printable ASCII that does not end in a backslash. */
function isPlain(pattern: readonly number[]): boolean {
  return pattern.every((byte) => byte >= 0x20 && byte < 0x7f) && pattern.at(-1) !== 0x5c;
}

/** In double quotes: as text, or all of it in hexadecimal. */
function quoted(pattern: readonly number[]): string {
  if (isPlain(pattern)) return `"${String.fromCharCode(...pattern).replace(/["\\]/g, '\\$&')}"`;
  return `"|${pattern.map((byte) => byte.toString(16).padStart(2, '0')).join('')}|"`;
}

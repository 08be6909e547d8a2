// `-m length` and `-m tcpmss`: lengths in a range. Kernel: net/netfilter/xt_length.c, net/netfilter/xt_tcpmss.c.

import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { type Integers, integers } from '../values/integer.ts';
import { type RangeCondition, rangeOf, rangeText } from './range.ts';

export const length: MatchExtension<RangeCondition> = {
  kind: 'match',
  name: 'length',
  about: 'length of the packet, its headers included',
  options: [
    { name: '--length', values: [integers(16)], negatable: true, required: true, about: 'bytes, or a range of them' },
  ],
  build: (options) => rangeOf(options[0])!,
  print: (range) => negatable(range.negated, '--length', rangeText(range)),
  list: (range) => `length ${range.negated ? '!' : ''}${rangeText(range)}`,
};

const anySize = integers(16);

const sizes: ValueType<Integers> = {
  ...anySize,
  parse(text, context) {
    const values = anySize.parse(text, context);
    if (values.length === 2 && values[1]! < values[0]!) throw new ValueError('tcpmss: invalid range given');
    return values;
  },
};

export const tcpmss: MatchExtension<RangeCondition> = {
  kind: 'match',
  name: 'tcpmss',
  about: 'maximum segment size that a SYN announces',
  protocols: [6],
  options: [{ name: '--mss', values: [sizes], negatable: true, required: true, about: 'bytes, or a range of them' }],
  build: (options) => rangeOf(options[0])!,
  print: (range) => negatable(range.negated, '--mss', rangeText(range)),
  list: (range) => `tcpmss match ${range.negated ? '!' : ''}${rangeText(range)}`,
};

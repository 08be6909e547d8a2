// `-m frag`: the fragment header of IPv6 (RFC 8200). Kernel: net/ipv6/netfilter/ip6t_frag.c.

import type { MatchExtension } from '../extension.ts';
import { labelledRange, type RangeCondition, range32Of, rangeText } from '../headers/range.ts';
import { negatable } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';
import { integers, uint32 } from '../values/integer.ts';

export interface FragData {
  /** Absent for any. */
  readonly id?: RangeCondition;
  /** The kernel does not look at it. */
  readonly length?: { readonly value: number; readonly negated: boolean };
  /** The reserved fields must be zero. */
  readonly reserved: boolean;
  readonly first: boolean;
  /** More fragments follow, or this is the last one; absent for either. */
  readonly place?: 'more' | 'last';
}

export const frag: MatchExtension<FragData> = {
  kind: 'match',
  name: 'frag',
  families: ['ipv6'],
  about: 'fragment header',
  options: [
    { name: '--fragid', values: [integers(32)], negatable: true, about: 'id of the packet, or a range of ids' },
    { name: '--fraglen', values: [uint32], negatable: true, about: 'length of the header' },
    { name: '--fragres', values: [], about: 'the reserved fields are zero' },
    { name: '--fragfirst', values: [], about: 'the first fragment' },
    { name: '--fragmore', values: [], excludes: ['--fraglast'], about: 'more fragments follow' },
    { name: '--fraglast', values: [], excludes: ['--fragmore'], about: 'the last fragment' },
  ],

  build(options) {
    const find = (name: string) => useOf(options, name);
    const id = range32Of(find('--fragid'));
    const use = find('--fraglen');
    const length = use && { value: use.values[0] as number, negated: use.negated };
    const place = isGiven(options, '--fragmore') ? 'more' : isGiven(options, '--fraglast') ? 'last' : undefined;
    return {
      ...(id && { id }),
      ...(length && { length }),
      reserved: isGiven(options, '--fragres'),
      first: isGiven(options, '--fragfirst'),
      ...(place && { place }),
    };
  },

  print: ({ id, length, reserved, first, place }) => [
    ...(id ? negatable(id.negated, '--fragid', rangeText(id)) : []),
    ...(length ? negatable(length.negated, '--fraglen', `${length.value}`) : []),
    ...(reserved ? ['--fragres'] : []),
    ...(first ? ['--fragfirst'] : []),
    ...(place ? [`--frag${place}`] : []),
  ],

  list({ id, length, reserved, first, place }) {
    const words = [
      `frag ${id ? labelledRange('id', id) : ''}`,
      ...(length ? [`length:${length.negated ? '!' : ''}${length.value}`] : []),
      ...(reserved ? ['reserved'] : []),
      ...(first ? ['first'] : []),
      ...(place ? [place] : []),
    ];
    return words.join(' ');
  },
};

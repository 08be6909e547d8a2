// `-m connlimit`: how many connections a host or network has open. Kernel: net/netfilter/xt_connlimit.c.

import { ADDRESS_BITS } from '../../base/family.ts';
import { ExtensionError, type MatchExtension } from '../extension.ts';
import { useOf } from '../uses.ts';
import { prefix } from '../values/host-prefix.ts';
import { uint32 } from '../values/integer.ts';

export interface ConnlimitData {
  readonly limit: number;
  /** `above` matches more connections than the limit, `upto` as many or less. */
  readonly side: 'above' | 'upto';
  readonly prefix: number;
  readonly by: 'source' | 'destination';
}

export const connlimit: MatchExtension<ConnlimitData> = {
  kind: 'match',
  name: 'connlimit',
  about: 'connections that a host or network has open',
  options: [
    {
      ...{ name: '--connlimit-upto', values: [uint32], negatable: true, excludes: ['--connlimit-above'] },
      about: 'so many or less',
    },
    { name: '--connlimit-above', values: [uint32], negatable: true, about: 'more than so many' },
    { name: '--connlimit-mask', values: [prefix], about: 'hosts of one prefix count as one' },
    {
      ...{ name: '--connlimit-saddr', values: [], excludes: ['--connlimit-daddr'] },
      about: 'by source address (the default)',
    },
    { name: '--connlimit-daddr', values: [], about: 'by destination address' },
  ],

  precheck(options) {
    if (options.some(({ name }) => name === '--connlimit-upto' || name === '--connlimit-above')) return;
    throw new ExtensionError('missing-option', 'You must specify "--connlimit-above" or "--connlimit-upto".');
  },

  build(options, { family }) {
    const find = (name: string) => useOf(options, `--connlimit-${name}`);
    const upto = find('upto');
    const use = upto ?? find('above')!;
    return {
      limit: use.values[0] as number,
      side: (use === upto) === use.negated ? 'above' : 'upto',
      prefix: (find('mask')?.values[0] as number | undefined) ?? ADDRESS_BITS[family],
      by: find('daddr') ? 'destination' : 'source',
    };
  },

  print({ limit, side, prefix, by }) {
    const address = by === 'source' ? '--connlimit-saddr' : '--connlimit-daddr';
    return [`--connlimit-${side}`, `${limit}`, '--connlimit-mask', `${prefix}`, address];
  },

  list({ limit, side, prefix, by }) {
    return `#conn ${by === 'source' ? 'src' : 'dst'}/${prefix} ${side === 'upto' ? '<=' : '>'} ${limit}`;
  },
};

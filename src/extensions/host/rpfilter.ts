// `-m rpfilter`: whether answers would leave by the way a packet came. Kernel: net/ipv4/netfilter/ipt_rpfilter.c.

import type { MatchExtension } from '../extension.ts';
import { isGiven } from '../uses.ts';

const FLAGS = ['loose', 'validmark', 'accept-local', 'invert'] as const;

export interface RpfilterData {
  /** In the order of `FLAGS`. */
  readonly flags: readonly (typeof FLAGS)[number][];
}

export const rpfilter: MatchExtension<RpfilterData> = {
  kind: 'match',
  name: 'rpfilter',
  about: 'answers would leave by the device that the packet came in by',
  tables: ['raw', 'mangle'],
  chains: ['PREROUTING'],
  options: [
    { name: '--loose', values: [], about: 'any device will do' },
    { name: '--validmark', values: [], about: 'the packet mark counts in the look-up' },
    { name: '--accept-local', values: [], about: 'local sources will do' },
    { name: '--invert', values: [], about: 'matches what fails the test' },
  ],
  build: (options) => ({ flags: FLAGS.filter((flag) => isGiven(options, `--${flag}`)) }),
  print: ({ flags }) => flags.map((flag) => `--${flag}`),
  list: ({ flags }) => ['rpfilter', ...flags].join(' '),
};

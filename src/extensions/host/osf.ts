// `-m osf`: which operating system a first packet of TCP looks like. Kernel: net/netfilter/xt_osf.c.

import type { MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { bareText } from '../quote.ts';
import { useOf } from '../uses.ts';
import { integer } from '../values/integer.ts';
import { keptText } from '../values/kept-text.ts';

export interface OsfData {
  readonly genre: string;
  readonly negated: boolean;
  readonly ttl?: number;
  readonly log?: number;
}

/** Bytes of a genre (MAXGENRELEN in include/uapi/linux/netfilter/nfnetlink_osf.h, less the final zero). */
const LIMIT = 31;
const level = integer(2, 0, 'level');

export const osf: MatchExtension<OsfData> = {
  kind: 'match',
  name: 'osf',
  families: ['ipv4'],
  about: 'the operating system that the packet looks like',
  protocols: [6],
  chains: ['PREROUTING', 'INPUT', 'FORWARD'],
  options: [
    {
      name: '--genre',
      values: [keptText(LIMIT, 0, 'name')],
      negatable: true,
      required: true,
      about: 'name of the system',
    },
    { name: '--ttl', values: [level], about: 'how the TTL is compared: 0 equal, 1 at most, 2 not at all' },
    { name: '--log', values: [level], about: 'what is logged: 0 all, 1 the first, 2 all that is known' },
  ],

  build(options) {
    const find = (name: string) => useOf(options, name);
    const genre = find('--genre')!;
    const [ttl, log] = [find('--ttl'), find('--log')].map((use) => use?.values[0] as number | undefined);
    return {
      ...{ genre: genre.values[0] as string, negated: genre.negated },
      ...(ttl !== undefined && { ttl }),
      ...(log !== undefined && { log }),
    };
  },

  print({ genre, negated, ttl, log }) {
    return [
      ...negatable(negated, '--genre', bareText(genre)),
      ...(ttl === undefined ? [] : ['--ttl', `${ttl}`]),
      ...(log === undefined ? [] : ['--log', `${log}`]),
    ];
  },

  list: ({ genre, negated }) => `OS fingerprint match ${negated ? '! ' : ''}${genre}`,
};

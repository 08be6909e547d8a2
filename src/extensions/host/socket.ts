// `-m socket`: there is a socket that a packet would reach. Kernel: net/netfilter/xt_socket.c.

import type { MatchExtension } from '../extension.ts';
import { isGiven } from '../uses.ts';

const FLAGS = ['--transparent', '--nowildcard', '--restore-skmark'] as const;

export interface SocketData {
  /** In the order of `FLAGS`. */
  readonly flags: readonly (typeof FLAGS)[number][];
}

export const socket: MatchExtension<SocketData> = {
  kind: 'match',
  name: 'socket',
  about: 'there is a socket that the packet would reach',
  chains: ['PREROUTING', 'INPUT'],
  options: [
    { name: '--transparent', values: [], about: 'transparent ones alone' },
    { name: '--nowildcard', values: [], about: 'those that listen on every address too' },
    { name: '--restore-skmark', values: [], about: "the packet gets the socket's mark" },
  ],
  build: (options) => ({ flags: FLAGS.filter((flag) => isGiven(options, flag)) }),
  print: ({ flags }) => flags,
  list: ({ flags }) => ['socket', ...flags].join(' '),
};

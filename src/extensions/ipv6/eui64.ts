// `-m eui64`: the address was made from the hardware address (RFC 4291, appendix A). Kernel:
// net/ipv6/netfilter/ip6t_eui64.c.

import type { MatchExtension } from '../extension.ts';

export const eui64: MatchExtension<null> = {
  kind: 'match',
  name: 'eui64',
  families: ['ipv6'],
  about: 'the source address was made from the hardware address',
  chains: ['PREROUTING', 'INPUT', 'FORWARD'],
  options: [],
  build: () => null,
  print: () => [],
  list: () => 'eui64 ',
  listsUnspaced: true,
};

// `-m icmp6`: type and code of ICMPv6. Kernel: net/ipv6/netfilter/ip6_tables.c, icmp6_match.

import type { MatchExtension } from '../extension.ts';
import { type IcmpType, icmpTypeText, icmpTypeWords, icmpv6Notes, icmpv6Type, icmpv6TypeName } from '../icmp-types.ts';
import { negatable } from '../print-words.ts';

export interface Icmp6Data extends IcmpType {
  readonly negated: boolean;
}

export const icmp6: MatchExtension<Icmp6Data> = {
  kind: 'match',
  name: 'icmp6',
  aliases: ['icmpv6', 'ipv6-icmp'],
  families: ['ipv6'],
  about: 'type and code of ICMPv6',
  notes: icmpv6Notes,
  protocols: [58],
  options: [
    {
      ...{ name: '--icmpv6-type', values: [icmpv6Type], negatable: true, required: true },
      about: 'the type, by number or name',
    },
  ],
  build(options) {
    const { negated, values } = options[0]!;
    return { ...(values[0] as IcmpType), negated };
  },
  print: ({ negated, ...of }) => negatable(negated, '--icmpv6-type', icmpTypeText(of)),
  list({ negated, ...of }, { numeric }) {
    const name = numeric ? undefined : icmpv6TypeName(of);
    if (name !== undefined) return `ipv6-icmp ${negated ? '!' : ''}${name}`;
    return `ipv6-icmp${negated ? ' !' : ''}${icmpTypeWords(of)}`;
  },
};

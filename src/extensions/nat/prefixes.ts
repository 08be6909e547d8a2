// The targets that put one prefix for another: NETMAP in connections, DNPT and SNPT in single packets of IPv6 (RFC 6296).
// Kernel: net/netfilter/xt_NETMAP.c, net/ipv6/netfilter/ip6t_NPT.c.

import { formatAny } from '../../base/address.ts';
import { ADDRESS_BITS } from '../../base/family.ts';
import type { BuiltinChain } from '../../base/hooks.ts';
import type { TargetExtension } from '../extension.ts';
import { firstValue } from '../uses.ts';
import type { HostPrefix } from '../values/host-prefix.ts';
import { maskedTo, network } from '../values/network.ts';

const prefixText = ({ address, length }: HostPrefix) => `${formatAny(address)}/${length}`;

export const netmap: TargetExtension<HostPrefix> = {
  kind: 'target',
  name: 'NETMAP',
  about: 'puts another network in front of the host part of an address',
  tables: ['nat'],
  chains: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  options: [{ name: '--to', values: [network], required: true, about: 'the network' }],
  build(uses, { family }) {
    const to = firstValue<HostPrefix>(uses, '--to')!;
    return { address: maskedTo(to, family), length: Math.min(to.length, ADDRESS_BITS[family]) };
  },
  print: (data) => ['--to', prefixText(data)],
  list: (data) => `to:${prefixText(data)}`,
};

export interface PrefixPair {
  readonly source: HostPrefix;
  readonly destination: HostPrefix;
}

/** The longest prefix that the kernel translates. */
const LENGTH_MOST = 64;

function prefixTranslation(
  name: 'DNPT' | 'SNPT',
  chains: readonly BuiltinChain[],
  about: string,
): TargetExtension<PrefixPair> {
  return {
    ...{ kind: 'target', name, families: ['ipv6'], about, tables: ['mangle'], chains },
    options: [
      { name: '--src-pfx', values: [network], required: true, about: 'the prefix that is replaced' },
      { name: '--dst-pfx', values: [network], required: true, about: 'the prefix that takes its place' },
    ],
    build: (uses) => ({
      source: firstValue<HostPrefix>(uses, '--src-pfx')!,
      destination: firstValue<HostPrefix>(uses, '--dst-pfx')!,
    }),
    check({ source, destination }) {
      const pair = [source, destination];
      if (pair.some(({ length }) => length > LENGTH_MOST)) return `a prefix is longer than ${LENGTH_MOST} bits`;
      const isPlain = (prefix: HostPrefix) => maskedTo(prefix, 'ipv6') === prefix.address;
      return pair.every(isPlain) ? undefined : 'an address has bits behind its prefix';
    },
    // iptables leaves out prefixes of nothing, and would not read that back.
    print: ({ source, destination }) => ['--src-pfx', prefixText(source), '--dst-pfx', prefixText(destination)],
    list: ({ source, destination }) => `${name} src-pfx ${prefixText(source)} dst-pfx ${prefixText(destination)}`,
  };
}

export const dnpt = prefixTranslation('DNPT', ['PREROUTING'], "replaces a prefix of the packet's destination");
export const snpt = prefixTranslation('SNPT', ['INPUT', 'POSTROUTING'], "replaces a prefix of the packet's source");

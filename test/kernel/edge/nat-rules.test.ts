// The rules of NAT as the kernel tells them, of iptables-legacy, iptables-nft and nft: which packets they may change.

import { expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { formatPredicate } from '../../../src/base/predicate.ts';
import { keptPackets } from '../../../src/engine/early-nat.ts';
import { natChains } from '../../../src/kernel/nat-rules.ts';
import { Namespace } from '../../harness/namespace.ts';

/** Addresses of both families, and what predicates say of them. */
const ADDRESSES: Readonly<Record<Family, Readonly<Record<string, string>>>> = {
  ipv4: {
    ...{ type: 'ipv4_addr', ip: 'ip', src: 'src', dst: 'dst', one: '10.0.0.1', to: '10.2.0.1', not: '10.2.0.2' },
    ...{
      from: '10.1.0.0/16',
      fromSet: '10.1.0.0-10.1.255.255',
      half: '10.0.0.0/9',
      halfSet: '10.0.0.0-10.127.255.255',
    },
    ...{ net: '10.9.0.0/24', netSet: '10.9.0.0-10.9.0.255', service: '10.4.0.1', other: '10.4.0.2' },
  },
  ipv6: {
    ...{
      type: 'ipv6_addr',
      ip: 'ip6',
      src: 'src6',
      dst: 'dst6',
      one: '2001:db8::1',
      to: '2001:db8:2::1',
      not: '2001:db8:2::2',
    },
    ...{ from: 'fd01::/16', fromSet: 'fd01::-fd01:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
    ...{ half: '2001:db8::/41', halfSet: '2001:db8::-2001:db8:7f:ffff:ffff:ffff:ffff:ffff' },
    ...{ net: '2001:db8:9::/48', netSet: '2001:db8:9::-2001:db8:9:ffff:ffff:ffff:ffff:ffff' },
    ...{ service: '2001:db8:4::1', other: '2001:db8:4::2' },
  },
};

const worded = (text: string, family: Family): string =>
  text.replace(/<(\w+)>/g, (_, name: string) => ADDRESSES[family][name]!);

const RULES = `*nat
:PREROUTING ACCEPT
:published -
-A PREROUTING -i eth1 -s <from> ! -d <one> -p tcp --dport 8080 -j DNAT --to-destination <to>
-A PREROUTING -i ppp+ -p udp --sport 1000:2000 -j REDIRECT --to-ports 53
-A PREROUTING ! -p tcp -s <half> -j DNAT --to-destination <not>
-A PREROUTING -p udp -m multiport --dports 1,2 -j ACCEPT
-A PREROUTING -p udp -m multiport --dports 1,5:7,6:9 -j REDIRECT
-A PREROUTING -p tcp -m multiport ! --sports 80,443 -j REDIRECT
-A PREROUTING -p tcp -m multiport --ports 3 -j REDIRECT
-A PREROUTING -m addrtype --dst-type LOCAL -j published
-A PREROUTING -d <net> -j published
-A published ! -i docker0 -p tcp ! --dport 443 -j DNAT --to-destination <to>
-A published -p udp -m limit --limit 5/sec -j RETURN
-A OUTPUT -d <not> -p tcp -j DNAT --to-destination <to>
-A POSTROUTING -j MASQUERADE
COMMIT
`;

/** Of sets all that is constant is known. */
const NFT = `table <ip> nat {
  set named { type inet_service; elements = { 21, 23 } }
  set timed { type inet_service; flags timeout; elements = { 25 timeout 1h } }
  set seen { type inet_service; size 10; flags dynamic; }
  map services {
    type <type> . inet_proto . inet_service : verdict
    elements = { <service> . tcp . 80 : goto published, <other> . udp . 53 : jump none }
  }
  chain none { accept; }
  chain published {
    iifname != "docker0" tcp dport != 443 dnat to <to>
    udp dport 1-1024 limit rate 5/second return
  }
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname "eth1" <ip> saddr <from> <ip> daddr != <one> tcp dport 8080 counter dnat to <to>
    iifname "ppp*" udp sport 1000-2000 redirect to :53
    <ip> saddr <half> meta l4proto != tcp dnat to <not>
    udp dport { 1, 2 } accept
    udp dport { 1, 5-9, 11 } redirect
    tcp sport != { 80, 443 } redirect
    <ip> daddr <net> tcp dport vmap { 80 : jump published, 81-90 : jump none, 91-99 : drop }
    iifname { "eth3", "eth4" } <ip> daddr { <service>, <net> } tcp sport 7 redirect
    iifname != { "eth3", "eth4" } <ip> saddr <one> <ip> daddr <service> redirect
    <ip> daddr . meta l4proto . th dport vmap @services
    tcp dport @named redirect
    udp dport @timed redirect
    udp sport @seen redirect
    tcp dport 9 add @seen { tcp dport } redirect
    dnat to tcp dport map { 1000 : <to>, 1001 : <not> }
    <ip> daddr . tcp dport { <one> . 2000-2010, <net> . 2020 } redirect
    fib daddr type local goto published
  }
  chain post { type nat hook postrouting priority srcnat; masquerade; }
}
`;
const INET = `table inet nat {
  chain pre {
    type nat hook prerouting priority dstnat;
    ip saddr 10.1.0.0/16 tcp dport 80 redirect
    ip6 saddr fd01::/16 tcp dport 80 redirect
    meta nfproto ipv4 jump of4
    meta nfproto vmap { ipv6 : jump of6 }
    udp dport 7 redirect
  }
  chain of4 { tcp dport 4 redirect; }
  chain of6 { tcp dport 6 redirect; }
}
`;

const PUBLISHED = ['! inDevice is "docker0"', 'protocol in 6', '! dport in 443'];
const [TCP, UDP] = ['protocol in 6', 'protocol in 17'];
/** What both iptables and nft say alike. */
const SAME = [
  ['inDevice is "eth1"', '<src> in <fromSet>', '! <dst> in <one>', TCP, 'dport in 8080'],
  ['<src> in <halfSet>', '! protocol in 6'],
  [TCP, '! sport in 80,443'],
  PUBLISHED,
];
/** Of both iptables. */
const KEPT = [
  ...SAME,
  ['inDevice begins "ppp"', UDP, 'sport in 1000-2000'],
  [UDP, 'dport in 1,5-9'],
  [TCP],
  [UDP],
  ...[PUBLISHED, [UDP]].map((asked) => ['<dst> in <netSet>', ...asked]),
];

const KEPT_NFT = [
  ...SAME,
  ['inDevice begins "ppp"', UDP, 'sport in 1000-65535', 'sport in 0-2000'],
  [UDP, 'dport in 1-65535', 'dport in 0-1024'],
  [UDP, 'dport in 1,5-9,11'],
  ...[PUBLISHED, [UDP, 'dport in 1-65535', 'dport in 0-1024']].flatMap((asked) => [
    ['<dst> in <netSet>', TCP, 'dport in 80', ...asked],
    ['<dst> in <service>', TCP, 'dport in 80', ...asked],
  ]),
  ['<dst> in <netSet>', TCP, 'dport in 91-99'],
  [TCP, 'dport in 9'],
  ...['eth3', 'eth4'].map((name) => [`inDevice is "${name}"`, '<dst> in <service>,<netSet>', TCP, 'sport in 7']),
  ['! inDevice is "eth3"', '! inDevice is "eth4"', '<src> in <one>', '<dst> in <service>'],
  [TCP, 'dport in 21,23'],
  [UDP],
  [TCP, 'dport in 1000-1001'],
  [TCP, '<dst> in <one>,<netSet>', 'dport in 2000-2010,2020'],
];

/** The packets that may be changed, in words, each kind once. */
const told = (namespace: Namespace, family: Family): string[] => {
  const kept = keptPackets(namespace.enter(() => natChains(family)))!.map((asked) =>
    asked
      .map(({ predicate, negated }) => `${negated ? '! ' : ''}${formatPredicate(predicate)}`)
      // iptables asks for any source port where none is asked for, and nft for either end of a range.
      .filter((each) => !/in 0-65535$/.test(each))
      .sort()
      .join(' and '),
  );
  return [...new Set(kept)].sort();
};

const sorted = (all: readonly (readonly string[])[], family: Family): string[] =>
  all
    .map((asked) =>
      asked
        .map((each) => worded(each, family))
        .sort()
        .join(' and '),
    )
    .sort();

it.each([
  ['ipv4', 'iptables-legacy-restore', RULES, KEPT, [1, 0, false]],
  ['ipv4', 'iptables-nft-restore', RULES, KEPT, [0, 1, true]],
  ['ipv4', 'nft -f -', NFT, KEPT_NFT, [0, 1, true]],
  ['ipv6', 'ip6tables-legacy-restore', RULES, KEPT, [1, 0, false]],
  ['ipv6', 'ip6tables-nft-restore', RULES, KEPT, [0, 1, true]],
  ['ipv6', 'nft -f -', NFT, KEPT_NFT, [0, 1, true]],
] as const)(
  'tells which %s packets rules of %s may change',
  (family, command, rules, kept, [legacy, nftables, has]) => {
    const namespace = new Namespace('nat');
    try {
      const [name, ...words] = command.split(' ');
      namespace.exec(name!, words, worded(rules, family));
      expect(told(namespace, family)).toEqual(sorted(kept, family));
      const found = namespace.enter(() => natChains(family));
      expect(found).toMatchObject({ legacy, nftables, hasNftables: has, mayExpect: false });
      const other = namespace.enter(() => natChains(family === 'ipv4' ? 'ipv6' : 'ipv4'));
      expect(other).toMatchObject({ entered: [], legacy: 0, nftables: 0, hasNftables: false });
    } finally {
      namespace.remove();
    }
  },
);

it('tells of tables for both families what each of them may meet', () => {
  const namespace = new Namespace('nat');
  try {
    namespace.exec('nft', ['-f', '-'], INET);
    for (const family of ['ipv4', 'ipv6'] as const) {
      const own = family === 'ipv4' ? '4' : '6';
      const kept = [
        ['<src> in <fromSet>', TCP, 'dport in 80'],
        [TCP, `dport in ${own}`],
        [UDP, 'dport in 7'],
      ];
      expect(told(namespace, family)).toEqual(sorted(kept, family));
    }
  } finally {
    namespace.remove();
  }
});

it('tells whether there are none, and what else may be', () => {
  const namespace = new Namespace('nat');
  const nft = (...lines: readonly string[]) => namespace.exec('nft', ['-f', '-'], `${lines.join('\n')}\n`);
  try {
    const empty = { entered: [], legacy: 0, nftables: 0, hasNftables: false, mayExpect: false };
    expect(namespace.enter(() => natChains('ipv4'))).toMatchObject(empty);
    nft('add table ip t', 'add chain ip t post { type nat hook postrouting priority 100; }');
    expect(namespace.enter(() => natChains('ipv4'))).toMatchObject({ ...empty, hasNftables: true });
    nft('add chain ip t pre { type nat hook prerouting priority -100; policy drop; }');
    expect(keptPackets(namespace.enter(() => natChains('ipv4')))).toEqual([[]]);
    nft('add ct helper ip t ftp { type "ftp" protocol tcp; }', 'add rule ip t post tcp dport 21 ct helper set "ftp"');
    expect(namespace.enter(() => natChains('ipv4'))).toMatchObject({ mayExpect: true });
  } finally {
    namespace.remove();
  }
});

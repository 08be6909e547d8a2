// Rules in front of the filter table as the kernel tells them, of iptables-legacy, iptables-nft and nft: which packets they may
// do something to.

import { expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { formatPredicate } from '../../../src/base/predicate.ts';
import { keptPackets } from '../../../src/engine/early-foreign.ts';
import { foreignChains } from '../../../src/kernel/foreign-rules.ts';
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

/** The packets that something may be done to, in words, each kind once, and at which place if not by NAT. */
const told = (namespace: Namespace, family: Family): string[] => {
  const kept = keptPackets(namespace.enter(() => foreignChains(family)))!.map(({ at, asked }) => {
    const words = asked
      .map(({ predicate, negated }) => `${negated ? '! ' : ''}${formatPredicate(predicate)}`)
      // iptables asks for any source port where none is asked for, and nft for either end of a range.
      .filter((each) => !/in 0-65535$/.test(each))
      .sort()
      .join(' and ');
    return at === 'NAT' ? words : `${at}: ${words}`;
  });
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
  ['ipv4', 'iptables-legacy-restore', RULES, KEPT, 'nat PREROUTING of iptables-legacy'],
  ['ipv4', 'iptables-nft-restore', RULES, KEPT, 'ip nat PREROUTING of nftables'],
  ['ipv4', 'nft -f -', NFT, KEPT_NFT, 'ip nat pre of nftables'],
  ['ipv6', 'ip6tables-legacy-restore', RULES, KEPT, 'nat PREROUTING of iptables-legacy'],
  ['ipv6', 'ip6tables-nft-restore', RULES, KEPT, 'ip6 nat PREROUTING of nftables'],
  ['ipv6', 'nft -f -', NFT, KEPT_NFT, 'ip6 nat pre of nftables'],
] as const)('tells which %s packets rules of %s may change', (family, command, rules, kept, chain) => {
  const namespace = new Namespace('nat');
  try {
    const [name, ...words] = command.split(' ');
    namespace.exec(name!, words, worded(rules, family));
    expect(told(namespace, family)).toEqual(sorted(kept, family));
    const found = namespace.enter(() => foreignChains(family));
    expect([found.entered.map(({ name, at }) => [name, at]), found.mayExpect]).toEqual([[[chain, 'NAT']], false]);
    const other = namespace.enter(() => foreignChains(family === 'ipv4' ? 'ipv6' : 'ipv4'));
    expect(other).toMatchObject({ entered: [], mayExpect: false });
  } finally {
    namespace.remove();
  }
});

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
    const empty = { entered: [], mayExpect: false };
    expect(namespace.enter(() => foreignChains('ipv4'))).toMatchObject(empty);
    nft('add table ip t', 'add chain ip t post { type nat hook postrouting priority 100; }');
    expect(namespace.enter(() => foreignChains('ipv4'))).toMatchObject(empty);
    nft('add chain ip t pre { type nat hook prerouting priority -100; policy drop; }');
    expect(told(namespace, 'ipv4')).toEqual(['']);
    nft('add ct helper ip t ftp { type "ftp" protocol tcp; }', 'add rule ip t post tcp dport 21 ct helper set "ftp"');
    expect(namespace.enter(() => foreignChains('ipv4'))).toMatchObject({ mayExpect: true });
  } finally {
    namespace.remove();
  }
});

const FRONT = `*raw
:PREROUTING ACCEPT
-A PREROUTING -d <one> ! -i docker0 -j DROP
-A OUTPUT -p tcp --dport 1 -j DROP
COMMIT
*mangle
:one -
-A PREROUTING -s <from> -j one
-A PREROUTING -p udp --sport 53 -m addrtype --dst-type LOCAL
-A PREROUTING -p udp -m limit --limit 5/sec -m udp --dport 5 -j ACCEPT
-A one -p tcp --dport 9 -j ACCEPT
-A INPUT -p tcp ! --syn -j ACCEPT
-A FORWARD -p tcp --tcp-flags SYN,RST SYN -o eth0 -j DROP
-A POSTROUTING -j DROP
COMMIT
`;
const FRONT_NFT = `table <ip> t {
  set timed { type inet_service; flags timeout; }
  set counted { type inet_service; counter; elements = { 7 counter packets 0 bytes 0 } }
  set plain { type inet_service; elements = { 8, 9 } }
  chain one { tcp dport 9 accept; tcp sport 10 drop; }
  chain silent { accept; }
  chain pre {
    type filter hook prerouting priority raw;
    <ip> daddr <one> iifname != "docker0" counter drop
    udp dport 53 accept
    <ip> saddr <from> jump one
    <ip> saddr <half> jump silent
    udp dport @plain accept
    udp dport @counted accept
    <ip> daddr <not> udp dport != @counted accept
    <ip> daddr <to> counter udp dport 54 accept
    udp sport @timed accept
  }
  chain in { type filter hook input priority -2; policy drop; tcp flags & (fin|syn|rst|ack) != syn accept; }
  chain forwarding { type filter hook forward priority mangle; tcp flags & (syn|rst) == syn counter; tcp flags ack drop; }
  chain behind { type filter hook forward priority 0; drop; }
  chain out { type filter hook output priority raw; drop; }
}
`;

/** Packets without the header that rules ask for. */
const cutOff = (at: string) => [[`${at}: transportLength in 0-7`], [`${at}: ${TCP}`, 'transportLength in 0-19']];
const NOT_SYN = ['INPUT: ! tcpFlags & 0x17 == 0x2', TCP];
const [INVADING, FROM] = [
  ['PREROUTING: ! inDevice is "docker0"', '<dst> in <one>'],
  ['PREROUTING: <src> in <fromSet>'],
];
/** Whatever a rule applies to is counted by it, before a match that looks at more than the packet. */
const KEPT_FRONT = [
  ...[INVADING, FROM, [`PREROUTING: ${UDP}`, 'sport in 53'], [`PREROUTING: ${UDP}`]],
  ...[NOT_SYN, [`FORWARD: ${TCP}`, 'tcpFlags & 0x6 == 0x2']],
  ...['PREROUTING', 'INPUT', 'FORWARD'].flatMap(cutOff),
];
/** Rules that count nothing may let packets pass; those that a set of counters is asked of, may not. */
const KEPT_FRONT_NFT = [
  ...[INVADING, [FROM[0]!, TCP, 'sport in 10']],
  ...[[`PREROUTING: ${UDP}`, 'dport in 7'], ['PREROUTING: <dst> in <not>', UDP], ['PREROUTING: <dst> in <to>']],
  ...[[`PREROUTING: ${UDP}`], ['INPUT: ']],
  ...[
    [`FORWARD: ${TCP}`, 'tcpFlags & 0x6 == 0x2'],
    [`FORWARD: ${TCP}`, '! tcpFlags & 0x10 == 0x0'],
  ],
  ...['PREROUTING', 'FORWARD'].flatMap(cutOff),
];

/** The place is told in front of all. */
const placed = (all: readonly (readonly string[])[], family: Family): string[] =>
  all
    .map((asked) => {
      const [at] = asked[0]!.split(': ');
      const [words] = sorted([asked.map((each) => each.replace(/^[A-Z]+: /, ''))], family);
      return `${at}: ${words}`;
    })
    .sort();

it.each([
  ['ipv4', 'iptables-legacy-restore', FRONT, KEPT_FRONT],
  ['ipv4', 'iptables-nft-restore', FRONT, KEPT_FRONT],
  ['ipv4', 'nft -f -', FRONT_NFT, KEPT_FRONT_NFT],
  ['ipv6', 'ip6tables-legacy-restore', FRONT, KEPT_FRONT],
  ['ipv6', 'ip6tables-nft-restore', FRONT, KEPT_FRONT],
  ['ipv6', 'nft -f -', FRONT_NFT, KEPT_FRONT_NFT],
] as const)(
  'tells which %s packets rules in front of the filter table of %s may apply to',
  (family, command, rules, kept) => {
    const namespace = new Namespace('front');
    try {
      const [name, ...words] = command.split(' ');
      namespace.exec(name!, words, worded(rules, family));
      expect(told(namespace, family)).toEqual(placed(kept, family));
      expect(namespace.enter(() => foreignChains(family)).mayExpect).toBe(false);
      const other = namespace.enter(() => foreignChains(family === 'ipv4' ? 'ipv6' : 'ipv4'));
      expect(other).toMatchObject({ entered: [], mayExpect: false });
    } finally {
      namespace.remove();
    }
  },
);

it.each(['iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'])(
  'knows rules of %s by which connections are expected',
  (command) => {
    const namespace = new Namespace('front');
    const family = command.startsWith('ip6') ? 'ipv6' : 'ipv4';
    const raw = (words: string) => namespace.exec(command, ['-w', '-t', 'raw', ...words.split(' ')]);
    const mayExpect = () => namespace.enter(() => foreignChains(family)).mayExpect;
    try {
      raw('-A PREROUTING -p udp -j CT --notrack');
      expect(mayExpect()).toBe(false);
      raw('-A OUTPUT -p tcp --dport 21 -j CT --helper ftp');
      expect(mayExpect()).toBe(true);
    } finally {
      namespace.remove();
    }
  },
);

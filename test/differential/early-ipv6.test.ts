// Early verdicts of IPv6 where the stack has ways of its own with packets: addresses of one link, groups, extension headers,
// neighbour discovery, other MAC addresses, hop limits that run out, lengths that are wrong, headers that are cut off, TCP flags
// of all kinds. ip6tables-legacy counts the same on another router; so is where the drops are: what is certain is dropped early,
// all else is not.

import { expect, it } from 'vitest';
import type { HookPacket } from '../../src/base/packet.ts';
import { type Beside, packetsOf, withBoth } from '../harness/beside.ts';
import { PLAIN_WORLD6 } from '../harness/lab-world-plain.ts';
import { TCP_FLAG } from '../harness/packet-builder.ts';

const CLOSED = '*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n';

/** Counts what is looked at, and drops it with the policies. */
const STATELESS = `${CLOSED}
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --tcp-flags SYN,ACK SYN -j DROP
-A INPUT -p udp -m udp --dport 53 -j DROP
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP
-A INPUT -d 2001:db8::/32 -j DROP
-A FORWARD -p udp -m udp --dport 53 -j DROP
-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
`;

const [US, BEYOND] = ['[2001:db8::1]', '[2001:db8:c000::1]'];
const fromEach = (...sources: readonly string[]) =>
  sources.map((source) => `INPUT in=eth1 udp [${source}]:1000 > ${US}:53`);
const toEach = (way: string, ...destinations: readonly string[]) =>
  destinations.map((destination) => `${way} > [${destination}]:53`);
const [TO_US, BY_US] = ['INPUT in=eth1 udp [fd00::7]:1000', 'FORWARD in=eth0 out=eth1 udp [fd00::1]:1000'];
const ACROSS = `FORWARD in=eth1 out=veth0 udp [fd00::7]:1000 > ${BEYOND}:53`;
const LINK_LOCAL = 'fe80::1234';

/** Changes bytes of a packet. */
function change(packet: HookPacket, at: number, ...values: readonly number[]): HookPacket {
  const bytes = packet.bytes.slice();
  bytes.set(values, at);
  return { ...packet, bytes };
}

/** Packets, and how many of them are dropped early. */
const ODD: readonly (readonly [what: string, early: number, packets: readonly HookPacket[]])[] = [
  ['from anybody', 5, packetsOf(...fromEach('fd00::7', '2a00::1', '64:ff9b::7', '2001:db8::1', '2001:db8:e000::1'))],
  [
    'from loopback, nobody, groups, IPv4, one link, one site',
    0,
    packetsOf(...fromEach('::1', '::', 'ff02::1', 'ff0e::1', '::ffff:192.0.2.1', '::192.0.2.1', 'fe80::9', 'fec0::9')),
  ],
  [
    'from those to others',
    0,
    packetsOf(
      ...['::1', '::', 'ff02::1', '::ffff:192.0.2.1', 'fe80::9', 'fec0::9'].map((source) =>
        ACROSS.replace('fd00::7', source),
      ),
    ),
  ],
  ['to the router', 2, packetsOf(...toEach(TO_US, '2001:db8::1', '2001:db8:7fff::1'))],
  [
    'to groups, nobody, loopback, one link',
    0,
    packetsOf(...toEach(TO_US, 'ff02::1', 'ff01::1', 'ff0e::7', 'ff00::1', '::', '::1', LINK_LOCAL, 'fe80::77')),
  ],
  ['to others', 1, packetsOf(...toEach(BY_US, '2a01::9'))],
  [
    'to others that are not, or are behind the same device',
    0,
    packetsOf(...toEach(BY_US, '2001:dead::9', '2001:db8:e000::9')),
  ],
  ['hop limit', 3, packetsOf(...[0, 1, 2].map((ttl) => `${TO_US} > ${US}:53 ttl=${ttl}`))],
  ['hop limit of others', 1, packetsOf(...[0, 1, 2].map((ttl) => `${ACROSS} ttl=${ttl}`))],
  [
    'too long for the way out, or not',
    2,
    packetsOf(...[100, 1232, 1233, 1400].map((payload) => `${ACROSS} payload=${payload}`)),
  ],
  [
    'extension headers',
    0,
    packetsOf(
      ...['hop', 'dst', 'rt', 'ah', 'frag', 'hop,dst', 'dst,frag'].flatMap((via) => [
        `${TO_US} > ${US}:53 via=${via} payload=16`,
        `${ACROSS} via=${via} payload=16`,
      ]),
    ),
  ],
  [
    'neighbour discovery to one address',
    0,
    packetsOf(
      ...[133, 134, 135, 136, 137].flatMap((type) => [
        `INPUT in=eth1 icmp6 fd00::7 > 2001:db8::1 type=${type} payload=24 ttl=255`,
        `FORWARD in=eth1 out=veth0 icmp6 fd00::7 > 2001:db8:c000::1 type=${type} payload=24 ttl=255`,
      ]),
    ),
  ],
  [
    'other messages',
    7,
    packetsOf(
      ...[1, 128, 129, 132, 138].map((type) => `INPUT in=eth1 icmp6 fd00::7 > 2001:db8::1 type=${type} payload=56`),
      ...[128, 3].map((type) => `FORWARD in=eth1 out=veth0 icmp6 fd00::7 > 2001:db8:c000::1 type=${type} payload=56`),
    ),
  ],
  [
    'headers that are cut off',
    32,
    packetsOf(
      ...[1, 3, 4, 7, 8, 13, 14, 19].flatMap((cut) => [
        `INPUT in=eth1 tcp [fd00::7]:1000 > ${US}:23 syn cut=${cut}`,
        `${TO_US} > ${US}:53 cut=${cut}`,
        `INPUT in=eth1 icmp6 fd00::7 > 2001:db8::1 type=128 cut=${cut}`,
        `FORWARD in=eth1 out=veth0 tcp [fd00::7]:1000 > ${BEYOND}:81 syn cut=${cut}`,
      ]),
    ),
  ],
  [
    'nothing behind the header',
    0,
    packetsOf(`${TO_US} > ${US}:53 cut=0`, 'INPUT in=eth1 59 fd00::7 > 2001:db8::1', `${ACROSS} cut=0`),
  ],
  [
    'protocols',
    6,
    packetsOf(
      ...[2, 47, 50, 59, 132, 255].map((protocol) => `INPUT in=eth1 ${protocol} fd00::7 > 2001:db8::1 payload=8`),
    ),
  ],
  [
    'versions and lengths that the stack throws away, or takes for shorter',
    1,
    packetsOf(`${TO_US} > ${US}:53 payload=8`).flatMap((packet) => [
      ...[0, 4, 5, 7, 15].map((version) => change(packet, 0, version << 4)),
      change(packet, 4, 0, 17),
      change(packet, 4, 0xff, 0xff),
      change(packet, 4, 0, 12),
      change(packet, 4, 0, 0),
    ]),
  ],
];

/** What a router with an address joins it tells within milliseconds, and OUTPUT would count it. */
async function addLinkLocal(both: Beside): Promise<void> {
  both.each((router) => void router.ip(`addr add ${LINK_LOCAL}/64 dev eth1 nodad`));
  await new Promise((resolve) => setTimeout(resolve, 300));
}

it.each(['native', 'generic'] as const)('packets that are odd, %s XDP', (mode) =>
  withBoth(PLAIN_WORLD6, mode, async (both) => {
    both.each((router) => {
      for (const words of ['link set veth0 mtu 1300', '-6 route add blackhole 2001:dead::/32']) router.ip(words);
    });
    await addLinkLocal(both);
    both.load(STATELESS);
    for (const [what, early, packets] of ODD) expect([what, both.pass(packets, what)]).toEqual([what, early]);
  }),
);

it('frames for a group, and for others', () =>
  withBoth(PLAIN_WORLD6, 'generic', (both) => {
    both.load(STATELESS);
    const [packet] = packetsOf(...fromEach('fd00::7'));
    for (const mac of ['ffffffffffff', '333300000001', '020000000099']) {
      for (const lab of both.labs) lab.sendTo(Uint8Array.from(Buffer.from(mac, 'hex')), packet!);
      both.compare(mac);
    }
    expect(both.earlyDrops).toBe(0);
    expect(both.pass([packet!])).toBe(1);
  }));

const STATES = (more: string) => `${CLOSED}${more}
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -m conntrack --ctstate NEW
-A INPUT -m conntrack --ctstate UNTRACKED
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
`;
const INVALID = '-A INPUT -m conntrack --ctstate INVALID -j DROP';

/** TCP packets with all flags that there are, from a port each. */
function allFlags(to: number): HookPacket[] {
  return Array.from({ length: 256 }, (_, flags) => {
    const words = Object.entries(TCP_FLAG).flatMap(([name, bit]) => ((flags & bit) !== 0 ? [name] : []));
    return `INPUT in=eth1 tcp [fd00::7]:${2000 + flags} > ${US}:${to} ${words.join(' ')}`;
  }).flatMap((line) => packetsOf(line));
}

const FLOOD = 1000;
const flood = () =>
  packetsOf(
    ...Array.from({ length: FLOOD }, (_, i) => {
      const source = `[fd00::${(i % 251).toString(16)}:${i.toString(16)}]:${1024 + i}`;
      return `INPUT in=eth1 ${i % 2 === 0 ? 'tcp' : 'udp'} ${source} > ${US}:${9000 + (i % 5)}${i % 2 === 0 ? ' syn' : ''}`;
    }),
  );

/** Packets of no connection, of which tracking makes NEW or INVALID by their headers. */
function headers(): HookPacket[] {
  const [tcp, udp] = packetsOf(
    `INPUT in=eth1 tcp [fd00::7]:3000 > ${US}:23 syn payload=8`,
    `INPUT in=eth1 udp [fd00::7]:3000 > ${US}:53 payload=8`,
  );
  return [
    // The TCP header's length: less than a header, or more than there is.
    ...[0, 1, 4, 8, 15].map((words) => change(tcp!, 52, words << 4)),
    // The UDP length: none, less than a header, more than there is.
    ...[0, 7, 17, 0xffff].map((length) => change(udp!, 44, length >> 8, length & 255)),
    ...packetsOf(...[4, 7, 8, 12, 19].map((cut) => `INPUT in=eth1 tcp [fd00::7]:3001 > ${US}:23 syn cut=${cut}`)),
    ...packetsOf(...[4, 7].map((cut) => `INPUT in=eth1 udp [fd00::7]:3001 > ${US}:53 cut=${cut}`)),
  ];
}

it.each([
  ['native', 1, INVALID],
  ['generic', 0, ''],
] as const)('packets without a connection, %s XDP, loose about TCP: %i, first %j', (mode, loose, first) =>
  withBoth(PLAIN_WORLD6, mode, (both) => {
    both.load(STATES(first));
    both.each((router) => router.sysctl('net.netfilter.nf_conntrack_tcp_loose', loose));
    expect(both.pass(allFlags(23), 'closed port')).toBe(256);
    both.pass(allFlags(22), 'open port');
    // Now some are known.
    both.pass(allFlags(22), 'open port, once more');
    expect(both.pass(headers(), 'headers')).toBe(16);
    const others = packetsOf(
      'INPUT in=eth1 icmp6 fd00::7 > 2001:db8::1 type=128',
      'INPUT in=eth1 icmp6 fd00::7 > 2001:db8::1 type=1 code=3',
      'INPUT in=eth1 icmp6 fd00::7 > 2001:db8::1 type=136 payload=16 ttl=255',
      'INPUT in=eth1 47 fd00::7 > 2001:db8::1 payload=8',
      `INPUT in=eth1 udp [fd00::7]:1 > ${US}:53 via=dst`,
    );
    expect(both.pass(others, 'others')).toBe(0);
    const before = both.counters().ours.get('INPUT')!.policy!.packets;
    expect(both.pass(flood(), 'a flood of packets to closed ports')).toBe(FLOOD);
    expect(both.counters().ours.get('INPUT')!.policy!.packets - before).toBe(BigInt(FLOOD));
  }),
);

// The stack tells a neighbour of a shorter way before it asks FORWARD, and OUTPUT counts that.
it('packets that go back by the device that they came in by', () =>
  withBoth(PLAIN_WORLD6, 'generic', async (both) => {
    await addLinkLocal(both);
    both.load(`${CLOSED}-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 137\nCOMMIT\n`);
    const packets = packetsOf('FORWARD in=eth1 out=eth1 udp [fd00::7]:1000 > [2a01::9]:53');
    expect(both.pass(packets)).toBe(0);
    expect(both.counters().oracle.get('OUTPUT')!.rules[0]!.packets).toBe(1n);
    expect(both.pass(packetsOf(ACROSS))).toBe(1);
  }));

it('beside early verdicts of IPv4 at the same devices', () =>
  withBoth(PLAIN_WORLD6, 'generic', (both) => {
    const [six, four] = [
      packetsOf(ACROSS, `${TO_US} > ${US}:53`),
      packetsOf('INPUT in=eth1 udp 11.0.0.7:1 > 10.0.0.1:53'),
    ];
    both.each((router) => {
      for (const words of ['addr add 10.0.0.1/32 dev lo', 'route add 11.0.0.0/8 dev eth1']) router.ip(words);
    });
    const pass = (what: string, early: readonly [six: number, four: number]) => {
      const before = both.earlyDropsOf('ipv4');
      const dropped = both.pass([...six, ...four], what);
      both.compare(`${what}, IPv4`, 'ipv4');
      expect([what, dropped, both.earlyDropsOf('ipv4') - before]).toEqual([what, ...early]);
    };
    both.load(STATELESS);
    expect(both.pass([...six, ...four], 'one family')).toBe(2);
    both.load(`${CLOSED}-A INPUT -p udp -j DROP\nCOMMIT\n`, 'ipv4');
    pass('both families', [2, 1]);
    both.each((router) => void router.ip('-6 route add blackhole 2001:dead::/32'));
    pass('a route of IPv6', [0, 1]);
    both.sync();
    pass('looked at', [2, 1]);
    both.each((router) => void router.ip('route add blackhole 11.9.0.0/16'));
    pass('a route of IPv4', [2, 0]);
  }));

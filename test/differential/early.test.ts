// Early verdicts where the stack has ways of its own with packets: martian sources, group addresses, other MAC addresses, times
// to live that run out, fragments, options, headers that are cut off, TCP flags of all kinds. iptables-legacy counts the same on
// another router; so is where the drops are: what is certain is dropped early, all else is not.

import { expect, it } from 'vitest';
import type { HookPacket } from '../../src/base/packet.ts';
import { type Beside, packetsOf, withBoth } from '../harness/beside.ts';
import { PLAIN_WORLD, STRICT_WORLD } from '../harness/lab-world-plain.ts';
import { fragmentPacket, TCP_FLAG } from '../harness/packet-builder.ts';

const CLOSED = '*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n';

/** Counts what is looked at, and drops it with the policies. */
const STATELESS = `${CLOSED}
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --tcp-flags SYN,ACK SYN -j DROP
-A INPUT -p udp -m udp --dport 53 -j DROP
-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP
-A INPUT -d 10.0.0.0/8 -j DROP
-A FORWARD -p udp -m udp --dport 53 -j DROP
-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
`;

const fromEach = (...sources: readonly string[]) =>
  sources.map((source) => `INPUT in=eth1 udp ${source}:1000 > 10.0.0.1:53`);
const toEach = (way: string, ...destinations: readonly string[]) =>
  destinations.map((destination) => `${way} > ${destination}:53`);
const [TO_US, BY_US] = ['INPUT in=eth1 udp 11.7.0.1:1000', 'FORWARD in=eth0 out=eth1 udp 11.1.0.1:1000'];
const ACROSS = 'FORWARD in=eth1 out=veth0 udp 11.7.0.1:1000 > 10.192.0.1:53';

/** Packets, and how many of them are dropped early. */
const ODD: readonly (readonly [what: string, early: number, packets: readonly HookPacket[]])[] = [
  ['from anybody', 2, packetsOf(...fromEach('11.7.0.1', '10.128.0.7'))],
  [
    'from the router, loopback, nobody, groups, class E',
    0,
    packetsOf(
      ...fromEach('10.0.0.1', '192.0.2.1', '127.0.0.1', '0.0.0.0', '0.1.2.3'),
      ...fromEach('224.0.0.1', '255.255.255.255', '240.0.0.1'),
    ),
  ],
  [
    'from behind another device, and from nowhere',
    0,
    packetsOf(...fromEach('11.0.0.1', '192.0.2.9', '198.18.0.1'), ACROSS.replace('11.7.0.1', '198.18.0.1')),
  ],
  ['to the router', 2, packetsOf(...toEach(TO_US, '10.127.255.255', '192.0.2.1'))],
  [
    'to groups, everybody, nobody, loopback',
    0,
    packetsOf(
      ...toEach(TO_US, '224.0.0.1', '224.0.0.251', '239.1.2.3', '255.255.255.255', '192.0.2.255'),
      ...toEach(TO_US, '0.0.0.0', '127.0.0.1', '127.1.2.3'),
    ),
  ],
  ['to others', 1, packetsOf(...toEach(BY_US, '198.51.100.9'))],
  [
    'to others that are not, or are behind the same device',
    0,
    packetsOf(...toEach(BY_US, '240.0.0.1', '198.18.0.1', '192.0.2.77')),
  ],
  ['time to live', 3, packetsOf(...[0, 1, 2].map((ttl) => `${TO_US} > 10.0.0.1:53 ttl=${ttl}`))],
  ['time to live of others', 1, packetsOf(...[0, 1, 2].map((ttl) => `${ACROSS} ttl=${ttl}`))],
  [
    'too long for the way out, or not',
    4,
    packetsOf(...[560, 572, 573, 1000].map((payload) => `${ACROSS} payload=${payload}`)),
  ],
  [
    'the same, in one piece',
    0,
    packetsOf(...[560, 572, 573, 1000].map((payload) => `${ACROSS} payload=${payload} df`)),
  ],
  [
    'options',
    0,
    packetsOf(
      ...[4, 40].flatMap((options) => [`${TO_US} > 10.0.0.1:53 options=${options}`, `${ACROSS} options=${options}`]),
    ),
  ],
  [
    'lone fragments',
    0,
    packetsOf(
      `${TO_US} > 10.0.0.1 frag=10 payload=16`,
      'INPUT in=eth1 tcp 11.7.0.1 > 10.0.0.1 frag=1 payload=16 more',
      `${ACROSS} more payload=24`,
      'FORWARD in=eth1 out=veth0 udp 11.7.0.1 > 10.192.0.1 frag=4 payload=24',
    ),
  ],
  [
    'headers that are cut off',
    36,
    packetsOf(
      ...[0, 1, 3, 4, 7, 8, 13, 14, 19].flatMap((cut) => [
        `INPUT in=eth1 tcp 11.7.0.1:1000 > 10.0.0.1:23 syn cut=${cut}`,
        `${TO_US} > 10.0.0.1:53 cut=${cut}`,
        `INPUT in=eth1 icmp 11.7.0.1 > 10.0.0.1 type=8 cut=${cut}`,
        `FORWARD in=eth1 out=veth0 tcp 11.7.0.1:1000 > 10.192.0.1:81 syn cut=${cut}`,
      ]),
    ),
  ],
  [
    'protocols',
    7,
    packetsOf(
      ...[0, 2, 47, 50, 132, 255].map((protocol) => `INPUT in=eth1 ${protocol} 11.7.0.1 > 10.0.0.1 payload=8`),
      'INPUT in=eth1 icmp 11.7.0.1 > 10.0.0.1 type=8 payload=56',
    ),
  ],
  ['in pieces', 0, piecewise()],
];

/** Whole packets that are sent in pieces, in an order of their own, and with pieces over one another. */
function piecewise(): HookPacket[] {
  const [whole] = packetsOf('INPUT in=eth1 udp 11.7.0.1:1000 > 10.0.0.1:53 payload=64 id=3');
  const pieces = fragmentPacket(whole!.bytes, 24).map((bytes) => ({ ...whole!, bytes }));
  return [...pieces, ...pieces.toReversed(), pieces[0]!, pieces[0]!, ...pieces.slice(1)];
}

function prepare(both: Beside): void {
  both.each((router) => {
    for (const words of [
      'link set veth0 mtu 600',
      'addr add 192.0.2.1/24 dev eth0',
      'route add blackhole 198.18.0.0/15',
    ]) {
      router.ip(words);
    }
  });
}

it.each([
  ['native', 0],
  ['generic', 1],
  ['generic', 2],
] as const)('packets that are odd, %s XDP, reverse-path filter %i', (mode, filter) =>
  withBoth(filter === 1 ? STRICT_WORLD : PLAIN_WORLD, mode, (both) => {
    prepare(both);
    both.each((router) => router.sysctl('net.ipv4.conf.all.rp_filter', filter));
    both.load(STATELESS);
    for (const [what, early, packets] of ODD) expect([what, both.pass(packets, what)]).toEqual([what, early]);
    expect(both.malformed(packetsOf(...fromEach('11.7.0.1'))[0]!)).toBe(0);
  }),
);

it('frames for all stations, for a group, and for others', () =>
  withBoth(STRICT_WORLD, 'generic', (both) => {
    both.load(STATELESS);
    const [packet] = packetsOf(...fromEach('11.7.0.1'));
    for (const mac of ['ffffffffffff', '01005e000001', '020000000099']) {
      for (const lab of both.labs) lab.sendTo(Uint8Array.from(Buffer.from(mac, 'hex')), packet!);
      both.compare(mac);
    }
    expect(both.earlyDrops).toBe(0);
    expect(both.pass([packet!])).toBe(1);
  }));

// The stack tells a neighbour of a shorter way before it asks FORWARD, and OUTPUT counts that.
it('packets that go back by the device that they came in by', () =>
  withBoth(PLAIN_WORLD, 'generic', (both) => {
    both.each((router) => {
      for (const device of ['all', 'eth1']) router.sysctl(`net.ipv4.conf.${device}.send_redirects`, 1);
      for (const words of ['addr add 192.0.2.1/24 dev eth1', 'route add 11.7.0.0/16 dev eth1']) router.ip(words);
    });
    both.load(`${CLOSED}-A OUTPUT -p icmp -m icmp --icmp-type 5\nCOMMIT\n`);
    const packets = packetsOf('FORWARD in=eth1 out=eth1 udp 11.7.0.1:1000 > 198.51.100.9:53');
    expect(both.pass(packets)).toBe(0);
    expect(both.counters().oracle.get('OUTPUT')!.rules[0]!.packets).toBe(1n);
    expect(both.pass(packetsOf('FORWARD in=eth1 out=veth0 udp 11.7.0.1:1000 > 10.192.0.1:53'))).toBe(1);
  }));

const STATES = (more: string) => `${CLOSED}${more}
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -m conntrack --ctstate NEW
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
`;
const INVALID = '-A INPUT -m conntrack --ctstate INVALID -j DROP';

/** TCP packets with all flags that there are, from a port each. */
function allFlags(to: number): HookPacket[] {
  return Array.from({ length: 256 }, (_, flags) => {
    const words = Object.entries(TCP_FLAG).flatMap(([name, bit]) => ((flags & bit) !== 0 ? [name] : []));
    return `INPUT in=eth1 tcp 11.7.0.1:${2000 + flags} > 10.0.0.1:${to} ${words.join(' ')}`;
  }).flatMap((line) => packetsOf(line));
}

/** Packets of no connection, of which tracking makes NEW or INVALID by their headers. */
function headers(): HookPacket[] {
  const [tcp, udp] = packetsOf(
    'INPUT in=eth1 tcp 11.7.0.1:3000 > 10.0.0.1:23 syn payload=8',
    'INPUT in=eth1 udp 11.7.0.1:3000 > 10.0.0.1:53 payload=8',
  );
  const change = (packet: HookPacket, at: number, ...values: readonly number[]) => {
    const bytes = packet.bytes.slice();
    bytes.set(values, 20 + at);
    return { ...packet, bytes };
  };
  return [
    // The TCP header's length: less than a header, or more than there is.
    ...[0, 1, 4, 8, 15].map((words) => change(tcp!, 12, words << 4)),
    // The UDP length: none, less than a header, more than there is.
    ...[0, 7, 17, 0xffff].map((length) => change(udp!, 4, length >> 8, length & 255)),
    // No checksum, which UDP allows.
    change(udp!, 6, 0, 0),
    ...packetsOf(...[0, 4, 7, 8, 12, 19].map((cut) => `INPUT in=eth1 tcp 11.7.0.1:3001 > 10.0.0.1:23 syn cut=${cut}`)),
    ...packetsOf(...[0, 4, 7].map((cut) => `INPUT in=eth1 udp 11.7.0.1:3001 > 10.0.0.1:53 cut=${cut}`)),
  ];
}

it.each([
  ['native', 1, INVALID],
  ['generic', 0, INVALID],
  ['generic', 1, ''],
] as const)('packets without a connection, %s XDP, loose about TCP: %i, first %j', (mode, loose, first) =>
  withBoth(PLAIN_WORLD, mode, (both) => {
    both.load(STATES(first));
    both.each((router) => router.sysctl('net.netfilter.nf_conntrack_tcp_loose', loose));
    expect(both.pass(allFlags(23), 'closed port')).toBe(256);
    both.pass(allFlags(22), 'open port');
    // Now some are known.
    both.pass(allFlags(22), 'open port, once more');
    both.pass(headers(), 'headers');
    const others = packetsOf(
      'INPUT in=eth1 icmp 11.7.0.1 > 10.0.0.1 type=8 id=1',
      'INPUT in=eth1 icmp 11.7.0.1 > 10.0.0.1 type=3 code=3',
      'INPUT in=eth1 47 11.7.0.1 > 10.0.0.1 payload=8',
      'INPUT in=eth1 udp 11.7.0.1:1 > 10.0.0.1:53 options=4',
    );
    expect(both.pass(others, 'others')).toBe(0);
  }),
);

// A permitted difference: nobody looks at checksums behind the IP header before netfilter does.
it('a wrong checksum makes no packet INVALID that is dropped early', () =>
  withBoth(PLAIN_WORLD, 'generic', (both) => {
    both.load(STATES(INVALID));
    const packets = packetsOf(
      'INPUT in=eth1 tcp 11.7.0.1:3000 > 10.0.0.1:23 syn',
      'INPUT in=eth1 udp 11.7.0.1:3000 > 10.0.0.1:53',
    ).map((packet) => {
      const bytes = packet.bytes.slice();
      bytes[bytes.length - 2]! ^= 0x40;
      return { ...packet, bytes };
    });
    for (const lab of both.labs) lab.pass(packets);
    const { oracle, ours } = both.counters();
    const counted = (counters: typeof ours) => {
      const { policy, rules } = counters.get('INPUT')!;
      return [rules[0]!.packets, rules[3]!.packets, policy!.packets];
    };
    expect(counted(oracle)).toEqual([2n, 0n, 0n]);
    expect(counted(ours)).toEqual([0n, 2n, 2n]);
    expect(both.earlyDrops).toBe(2);
  }));

it('rules that ask for nothing but the state', () =>
  withBoth(PLAIN_WORLD, 'generic', (both) => {
    const packets = packetsOf(
      'INPUT in=eth1 tcp 11.7.0.1:3000 > 10.0.0.1:23 syn',
      'INPUT in=eth1 tcp 11.7.0.1:3000 > 10.0.0.1:23 fin',
      'INPUT in=eth1 udp 11.7.0.1:3000 > 10.0.0.1:53',
    );
    for (const rule of ['ESTABLISHED -j DROP', 'RELATED,ESTABLISHED -j ACCEPT', 'INVALID -j DROP', 'NEW -j DROP']) {
      both.load(`${CLOSED}-A INPUT -m conntrack --ctstate ${rule}\nCOMMIT\n`);
      expect([rule, both.pass(packets, rule)]).toEqual([rule, 3]);
    }
  }));

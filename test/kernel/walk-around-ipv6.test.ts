// The same for IPv6 as `walk-around.test.ts`: beside ip6tables-legacy, at every placement. Nobody puts fragments together in
// front of the hooks here, as nothing tracks connections: each is judged as it comes.

import { ETHERTYPE } from '../harness/packet-builder.ts';
import { parsePacket } from '../harness/packet-notation.ts';
import {
  BROADCAST,
  type Case,
  describeCases,
  deviceCases,
  frames,
  type Networks,
  type Outset,
  plainly,
  tag,
  tagged,
  VLAN,
} from './walk-around-host.ts';

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 2000 -j DROP
-A INPUT -p udp -m udp --dport 2001 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 2000 -j DROP
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP
-A FORWARD -p udp -m udp --dport 2000 -j DROP
-A FORWARD -p udp -m udp --dport 2001 -j ACCEPT
-A FORWARD -p udp -j DROP
COMMIT
`;

const [LOCAL, REMOTE, SENDER] = ['2001:db8::1', '2001:db8:9::1', '2001:db9::1'];

/** Reads a packet; what is not in the notation is done to its bytes. */
function packet(words: string, change: (bytes: Uint8Array, data: DataView) => void = () => {}): Uint8Array {
  const { bytes } = parsePacket(`INPUT in=eth0 ${words}`);
  change(bytes, new DataView(bytes.buffer, bytes.byteOffset));
  return bytes;
}

const udp = (port: number, words = '', to = LOCAL) => packet(`udp [${SENDER}]:1234 > [${to}]:${port} ${words}`);
/** The packet to each port and to each destination. */
const both = (protocol: string, words: string) =>
  [LOCAL, REMOTE].flatMap((to) =>
    [2000, 2001].map((port) => packet(`${protocol} [${SENDER}]:1234 > [${to}]:${port} ${words}`)),
  );

/** The fragments of a packet without extension headers, of `size` bytes each but the last; `size` is a multiple of 8. */
function fragments(whole: Uint8Array, size: number, id: number): Uint8Array[] {
  const behind = whole.subarray(40);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < behind.length; at += size) {
    const part = behind.subarray(at, at + size);
    const made = new Uint8Array(48 + part.length);
    const data = new DataView(made.buffer);
    made.set(whole.subarray(0, 40));
    data.setUint16(4, 8 + part.length);
    made.set([44], 6);
    made[40] = whole[6]!;
    data.setUint16(42, at | (at + size < behind.length ? 1 : 0));
    data.setUint32(44, id);
    made.set(part, 48);
    parts.push(made);
  }
  return parts;
}

const NETWORKS: Networks = {
  etherType: ETHERTYPE.ipv6,
  host: (network) => `2001:db8:${network}::1/64 nodad`,
  within: (network, port) => packet(`udp [2001:db8:${network}::9]:1234 > [2001:db8:${network}::1]:${port}`),
  datagram: (port) => udp(port),
  tunnel: `local ${LOCAL} remote ${SENDER} udp6zerocsumrx`,
  tunnelled: (payload) =>
    packet(`udp [${SENDER}]:1234 > [${LOCAL}]:4789 payload=${payload.length}`, (bytes, data) => {
      bytes.set(payload, 48);
      data.setUint16(46, 0);
    }),
};

const CASES: readonly Case[] = [
  frames(
    'plain packets',
    plainly([
      ...both('udp', 'payload=20'),
      ...both('tcp', 'syn'),
      packet(`icmp6 ${SENDER} > ${LOCAL} type=128`),
      packet(`icmp6 ${SENDER} > ${REMOTE} type=128`),
    ]),
  ),
  frames(
    'extension headers',
    plainly(
      [
        'hop',
        'dst',
        'rt',
        'ah:4',
        'dst:31',
        'hop:3,dst,rt,ah:1,dst:2',
        'frag',
        'hop,frag,dst',
        'dst,frag',
        'ah:4,ah:4,dst',
      ].flatMap((via) => both('udp', `via=${via} payload=20`).concat(both('tcp', `via=${via} syn`))),
    ),
  ),
  frames(
    'extension headers that the stack refuses',
    plainly([
      // Hop-by-hop options that are not the first header, or that nobody knows.
      udp(2000, 'via=dst,hop payload=20'),
      packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 via=hop payload=20`, (bytes) => (bytes[42] = 0xde)),
      packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 via=dst payload=20`, (bytes) => (bytes[42] = 0xde)),
      // Routing headers that have addresses left.
      ...[0, 2, 4].map((type) =>
        packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 via=rt:2 payload=20`, (bytes) => bytes.set([type, 1], 42)),
      ),
      // Longer than the packet.
      ...['dst', 'rt', 'ah'].map((via) =>
        packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 via=${via}:1`, (bytes) => (bytes[41] = 200)),
      ),
      // No next header, one that nobody has, and authentication of odd length.
      packet(`59 ${SENDER} > ${LOCAL} payload=20`),
      packet(`253 ${SENDER} > ${LOCAL} payload=20`),
      udp(2000, 'via=ah payload=20'),
    ]),
    { counted: { 'INPUT:1': '7 packets, 588 bytes', 'INPUT:policy': '2 packets, 120 bytes' }, delivered: 0 },
  ),
  frames('fragments', plainly(both('udp', 'payload=64').flatMap((each, i) => fragments(each, 24, i + 1)))),
  frames(
    'fragments, the last one first',
    plainly(both('udp', 'payload=64').flatMap((each, i) => fragments(each, 24, i + 11).reverse())),
  ),
  frames(
    'overlapping fragments',
    plainly(
      [2001, 2000].flatMap((port, i) => {
        const [first, second] = fragments(udp(port, 'payload=40'), 24, 21 + i) as [Uint8Array, Uint8Array];
        const over = second.slice();
        over.set([0, 17], 42); // 16 bytes behind the header, more follow
        return [first, over, second];
      }),
    ),
  ),
  frames(
    'lone and short fragments',
    plainly(
      [LOCAL, REMOTE].flatMap((to) => [
        packet(`udp [${SENDER}]:1 > [${to}]:1 via=frag:5 payload=24`),
        packet(`tcp [${SENDER}]:1 > [${to}]:2000 via=frag+ syn cut=16`),
        packet(`tcp [${SENDER}]:1 > [${to}]:1 via=frag:1 payload=24`),
        // The header of transport is in the second fragment.
        packet(`udp [${SENDER}]:1 > [${to}]:2000 via=frag+,dst:2`),
        packet(`udp [${SENDER}]:1 > [${to}]:2000 via=frag+ cut=8`),
      ]),
    ),
  ),
  frames(
    'truncated headers',
    plainly(
      [
        'cut=0',
        'cut=3',
        'cut=4',
        'cut=7',
        'cut=13',
        'cut=19',
        'via=dst cut=1',
        'via=dst cut=8',
        'via=dst,rt cut=9',
      ].flatMap((cut) => both('udp', cut).concat(both('tcp', cut))),
    ),
  ),
  frames(
    'padding that looks like headers',
    both('udp', 'cut=2').map((bytes) => ({
      bytes,
      trailer: Uint8Array.from(Buffer.from('07d007d100080000'.repeat(8), 'hex')),
    })),
  ),
  frames(
    'lengths and versions that are wrong',
    plainly([
      ...[0, 7, 20, 69, 0xffff].map((length) =>
        packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 payload=60`, (_, data) => data.setUint16(4, length)),
      ),
      packet(`tcp [${SENDER}]:1234 > [${LOCAL}]:2000 syn payload=60`, (_, data) => data.setUint16(4, 0)),
      ...[0, 7, 0xffff].map((length) =>
        packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 payload=60`, (_, data) => data.setUint16(44, length)),
      ),
      ...[0x45, 0x50, 0x00].map((first) =>
        packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 payload=60`, (bytes) => (bytes[0] = first)),
      ),
    ]),
  ),
  frames(
    'bad checksums',
    plainly([
      packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 payload=20`, (bytes) => (bytes[46]! ^= 1)),
      packet(`udp [${SENDER}]:1234 > [${REMOTE}]:2000 payload=20`, (bytes) => (bytes[46]! ^= 1)),
      packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 payload=20`, (bytes) => bytes.set([0, 0], 46)),
      packet(`tcp [${SENDER}]:1234 > [${LOCAL}]:2000 syn`, (bytes) => (bytes[56]! ^= 1)),
    ]),
  ),
  frames(
    'addresses that nobody may have',
    plainly(
      [
        [8, 0xff, 2], // from a group
        [8, 0, 0], // from nobody
        [24, 0xff, 1], // to this host's own group
      ].map(([at, first, second]) =>
        packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 payload=20`, (bytes) => {
          bytes.fill(0, at, at! + 16);
          bytes.set([first!, second!], at);
          if (first === 0) bytes[at! + 15] = 1; // ::1, from outside
        }),
      ),
    ),
  ),
  frames(
    'jumbo frames',
    plainly(['payload=8000', 'payload=3500', 'payload=8000 via=dst:31'].flatMap((words) => both('udp', words))),
  ),
  frames('jumbo frames that are wrong, or padded', [
    { bytes: packet(`udp [${SENDER}]:1234 > [${LOCAL}]:2000 payload=8000`, (_, data) => data.setUint16(4, 8009)) },
    { bytes: packet(`tcp [${SENDER}]:1234 > [${LOCAL}]:2000 syn payload=8000`, (_, data) => data.setUint16(4, 0)) },
    { bytes: udp(2000, 'payload=8000'), trailer: new Uint8Array(500) },
    { bytes: udp(2000, 'payload=20'), trailer: new Uint8Array(8000) },
  ]),
  frames(
    'fragments of several pages',
    plainly(both('udp', 'payload=20000').flatMap((each, i) => fragments(each, 8000, i + 31))),
  ),
  frames('frames of VLANs', [
    { etherType: VLAN.customer, bytes: tagged(udp(2000), tag(5, ETHERTYPE.ipv6)) },
    { etherType: VLAN.customer, bytes: tagged(udp(2000), tag(5, VLAN.customer), tag(6, ETHERTYPE.ipv6)) },
    { etherType: VLAN.service, bytes: tagged(udp(2000), tag(0, VLAN.customer), tag(6, ETHERTYPE.ipv6)) },
    { etherType: VLAN.customer, bytes: tagged(udp(2000), tag(0, ETHERTYPE.ipv6)) },
    {
      etherType: VLAN.service,
      bytes: tagged(udp(2001, 'payload=8000'), tag(0, VLAN.customer), tag(0, ETHERTYPE.ipv6)),
    },
  ]),
  frames('other MAC addresses, and other kinds of frames', [
    { destination: Uint8Array.of(2, 0, 0, 0, 0, 99), bytes: udp(2000) },
    { destination: BROADCAST, bytes: udp(2000) },
    { destination: BROADCAST, bytes: udp(2001) },
    { etherType: ETHERTYPE.ipv4, bytes: udp(2000) },
  ]),
  ...deviceCases(NETWORKS, { inner: 48, outer: 118 }),
];

const OUTSET: Outset = {
  family: 'ipv6',
  rules: RULES,
  prepare(inside) {
    for (const scope of ['all', 'default']) inside.sysctl(`net.ipv6.conf.${scope}.disable_ipv6`, 0);
    inside.sysctl('net.ipv6.conf.all.forwarding', 1);
    inside.ip('addr add 2001:db8::1/64 dev eth0 nodad');
    inside.ip('addr add 2001:db8:1::1/64 dev eth1 nodad');
    inside.ip('route add default via 2001:db8::2 dev eth0');
    inside.ip('route add 2001:db8:9::/48 via 2001:db8:1::2 dev eth1');
  },
  last: packet(`udp [${SENDER}]:1234 > [${LOCAL}]:9`),
};

describeCases(OUTSET, CASES, 4);

// What could walk around a filter: shapes of packets, and ways to a host, that programs might overlook. Each is sent
// through iptables-legacy and through us, at every placement, and all counters of INPUT and FORWARD must be the same, and
// what was delivered. Where placement `xdp` counts differently, as COMPATIBILITY.md says, the case says what it counts.

import { ETHERTYPE, fixHeaderChecksum, fragmentPacket } from '../harness/packet-builder.ts';
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
  type Seen,
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
-A FORWARD -p udp -m udp --dport 2000 -j DROP
-A FORWARD -p udp -m udp --dport 2001 -j ACCEPT
-A FORWARD -p udp -j DROP
COMMIT
`;
/** Reads a packet; what is not in the notation is done to its bytes, and the header's checksum put right. */
function packet(words: string, change: (bytes: Uint8Array, data: DataView) => void = () => {}): Uint8Array {
  const { bytes } = parsePacket(`INPUT in=eth0 ${words}`);
  change(bytes, new DataView(bytes.buffer, bytes.byteOffset));
  fixHeaderChecksum(bytes);
  return bytes;
}

const LOCAL = '10.0.0.1';
const REMOTE = '10.9.0.1';
const udp = (port: number, words = '', to = LOCAL) => packet(`udp 11.0.0.1:1234 > ${to}:${port} ${words}`);
/** The packet to each port and to each destination. */
const both = (protocol: string, words: string) =>
  [LOCAL, REMOTE].flatMap((to) =>
    [2000, 2001].map((port) => packet(`${protocol} 11.0.0.1:1234 > ${to}:${port} ${words} id=${port}`)),
  );

const NETWORKS: Networks = {
  etherType: ETHERTYPE.ipv4,
  host: (network) => `10.${network}.0.1/24`,
  within: (network, port) => packet(`udp 10.${network}.0.9:1234 > 10.${network}.0.1:${port}`),
  datagram: (port) => udp(port),
  tunnel: `local ${LOCAL} remote 11.0.0.1`,
  tunnelled: (payload) =>
    packet(`udp 11.0.0.1:1234 > ${LOCAL}:4789 payload=${payload.length}`, (bytes, data) => {
      bytes.set(payload, 28);
      data.setUint16(26, 0);
    }),
};

/** Of packets in three fragments of 24 bytes behind the header. */
const FIRST_FRAGMENTS: Seen = {
  counted: {
    'INPUT:1': '1 packets, 44 bytes',
    'INPUT:2': '1 packets, 44 bytes',
    'FORWARD:1': '1 packets, 44 bytes',
    'FORWARD:2': '1 packets, 44 bytes',
    'FORWARD:3': '4 packets, 176 bytes',
  },
  delivered: 1,
};

const CASES: readonly Case[] = [
  frames('plain packets', plainly([...both('udp', 'payload=20'), ...both('tcp', 'syn')])),
  frames('options', plainly(['options=4', 'options=40'].flatMap((words) => both('udp', words)))),
  frames(
    'options that the stack refuses',
    [
      [131, 7, 4, 11, 0, 0, 9, 0], // source route
      [7, 50, 4, 0, 0, 0, 0, 0], // longer than the header
      [7, 1, 4, 0, 0, 0, 0, 0], // too short
    ].map((options) => ({
      bytes: packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 options=8`, (bytes) => bytes.set(options, 20)),
    })),
    { counted: { 'INPUT:1': '3 packets, 108 bytes' }, delivered: 0 },
  ),
  frames('fragments', plainly(both('udp', 'payload=64').flatMap((each) => fragmentPacket(each, 24))), FIRST_FRAGMENTS),
  frames(
    'fragments, the last one first',
    plainly(both('udp', 'payload=64').flatMap((each) => fragmentPacket(each, 24).reverse())),
    FIRST_FRAGMENTS,
  ),
  frames(
    'overlapping fragments',
    plainly([
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2001 payload=24 id=7 more`),
      packet(`udp 11.0.0.1 > ${LOCAL} frag=2 payload=24 id=7`),
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=24 id=8 more`),
      packet(`udp 11.0.0.1:1 > ${LOCAL}:2001 payload=24 cut=8 id=8 more`),
    ]),
    { counted: { 'INPUT:1': '1 packets, 52 bytes', 'INPUT:2': '2 packets, 80 bytes' }, delivered: 0 },
  ),
  frames(
    'lone and short fragments',
    plainly(
      [LOCAL, REMOTE].flatMap((to) => [
        packet(`udp 11.0.0.1 > ${to} frag=5 payload=24 id=9`),
        packet(`tcp 11.0.0.1:1 > ${to}:2000 syn cut=8 more id=10`),
        packet(`tcp 11.0.0.1 > ${to} frag=1 payload=24 id=11`),
      ]),
    ),
  ),
  frames(
    'truncated headers',
    plainly(
      ['cut=0', 'cut=3', 'cut=4', 'cut=7', 'cut=13', 'cut=19'].flatMap((cut) =>
        both('udp', cut).concat(both('tcp', cut)),
      ),
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
    'lengths that are wrong',
    plainly([
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=60`, (_, data) => data.setUint16(2, 0)),
      packet(`tcp 11.0.0.1:1234 > ${LOCAL}:2000 syn payload=60`, (_, data) => data.setUint16(2, 0)),
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=60`, (_, data) => data.setUint16(2, 19)),
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=60`, (_, data) => data.setUint16(2, 24)),
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=60`, (_, data) => data.setUint16(2, 89)),
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=60`, (_, data) => data.setUint16(2, 0xffff)),
      ...[0, 7, 0xffff].map((length) =>
        packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=60`, (_, data) => data.setUint16(24, length)),
      ),
      ...[0x44, 0x65, 0x05].map((first) =>
        packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=60`, (bytes) => (bytes[0] = first)),
      ),
    ]),
    { counted: { 'INPUT:1': '4 packets, 352 bytes', 'INPUT:3': '1 packets, 100 bytes' }, delivered: 0 },
  ),
  frames(
    'bad checksums',
    plainly([
      ...[10, 11].map((at) => {
        const bytes = udp(2000);
        bytes[at]! ^= 1;
        return bytes;
      }),
      packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=20`, (bytes) => (bytes[26]! ^= 1)),
      packet(`udp 11.0.0.1:1234 > ${REMOTE}:2000 payload=20`, (bytes) => (bytes[26]! ^= 1)),
      packet(`tcp 11.0.0.1:1234 > ${LOCAL}:2000 syn`, (bytes) => (bytes[36]! ^= 1)),
    ]),
  ),
  frames(
    'jumbo frames',
    plainly(['payload=8000', 'payload=3500', 'payload=8900 options=40'].flatMap((words) => both('udp', words))),
  ),
  frames(
    'jumbo frames that are wrong, or padded',
    [
      { bytes: packet(`udp 11.0.0.1:1234 > ${LOCAL}:2000 payload=8000`, (_, data) => data.setUint16(2, 8029)) },
      { bytes: packet(`tcp 11.0.0.1:1234 > ${LOCAL}:2000 syn payload=8000`, (_, data) => data.setUint16(2, 0)) },
      { bytes: udp(2000, 'payload=8000'), trailer: new Uint8Array(500) },
      { bytes: udp(2000, 'payload=20'), trailer: new Uint8Array(8000) },
    ],
    { counted: { 'INPUT:1': '2 packets, 8076 bytes', 'INPUT:3': '1 packets, 8040 bytes' }, delivered: 0 },
  ),
  frames(
    'fragments of several pages',
    plainly(both('udp', 'payload=20000').flatMap((each) => fragmentPacket(each, 8000))),
    {
      counted: {
        'INPUT:1': '1 packets, 8020 bytes',
        'INPUT:2': '1 packets, 8020 bytes',
        'FORWARD:1': '1 packets, 8020 bytes',
        'FORWARD:2': '1 packets, 8020 bytes',
        'FORWARD:3': '4 packets, 24096 bytes',
      },
      delivered: 1,
    },
  ),
  frames('frames of VLANs', [
    { etherType: VLAN.customer, bytes: tagged(udp(2000), tag(5, ETHERTYPE.ipv4)) },
    { etherType: VLAN.customer, bytes: tagged(udp(2000), tag(5, VLAN.customer), tag(6, ETHERTYPE.ipv4)) },
    { etherType: VLAN.service, bytes: tagged(udp(2000), tag(5, VLAN.customer), tag(6, ETHERTYPE.ipv4)) },
    { etherType: VLAN.service, bytes: tagged(udp(2000), tag(0, VLAN.customer), tag(6, ETHERTYPE.ipv4)) },
    { etherType: VLAN.customer, bytes: tagged(udp(2000), tag(0, ETHERTYPE.ipv4)) },
    {
      etherType: VLAN.service,
      bytes: tagged(udp(2001, 'payload=8000'), tag(0, VLAN.customer), tag(0, ETHERTYPE.ipv4)),
    },
  ]),
  frames('other MAC addresses', [
    { destination: Uint8Array.of(2, 0, 0, 0, 0, 99), bytes: udp(2000) },
    { destination: BROADCAST, bytes: udp(2000) },
    { destination: BROADCAST, bytes: udp(2001) },
  ]),
  ...deviceCases(NETWORKS, { inner: 28, outer: 78 }),
];

const OUTSET: Outset = {
  family: 'ipv4',
  rules: RULES,
  prepare(inside) {
    inside.sysctl('net.ipv4.ip_forward', 1);
    inside.sysctl('net.ipv4.conf.all.send_redirects', 0);
    for (const key of ['all', 'eth0', 'eth1', 'veth0']) inside.sysctl(`net.ipv4.conf.${key}.rp_filter`, 0);
    inside.ip('addr add 10.0.0.1/24 dev eth0');
    inside.ip('addr add 10.1.0.1/24 dev eth1');
    inside.ip('route add default via 10.0.0.2 dev eth0');
    inside.ip('route add 10.9.0.0/16 via 10.1.0.2 dev eth1');
  },
  last: packet('udp 11.0.0.1:1234 > 10.0.0.1:9'),
};

describeCases(OUTSET, CASES, 3);

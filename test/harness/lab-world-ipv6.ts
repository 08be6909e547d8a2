// The world of the differential test for IPv6, beside that of IPv4 (`lab-world.ts`): the same router, devices and outside.
//
//   2001:db8::/33                             the router itself (INPUT)
//   2001:db8:8000::/34 and all else           routed out by eth1 (FORWARD)
//   2001:db8:c000::/35                        routed out by veth0
//   2001:db8:e000::/35                        routed out by eth0
// Without connection tracking nobody puts fragments together before a hook: each is seen as it comes, at INPUT too. The
// stack reads one kind of header before any hook, hop-by-hop options right behind the IPv6 header, and throws away what
// it cannot read there. What it sends by itself has no route, as in IPv4; of multicast reports, which need none, the last
// is sent before the test begins. Devices have no addresses of their own and look for no neighbours.

import { parseAddress6 } from '../../src/base/ipv6.ts';
import { type HookPacket, Ipv6View } from '../../src/base/packet.ts';
import { interpret, type Observer } from '../../src/reference/interpret.ts';
import type { Table } from '../../src/ruleset/model.ts';
import { setAddress } from './ipv6-builder.ts';
import type { Seen, World } from './lab-world.ts';
import { EVERYTHING6, type Vocabulary } from './random-rules.ts';

const addresses = (...texts: readonly string[]): bigint[] => texts.map((text) => parseAddress6(text)!);

const SOURCES = addresses(
  ...['fd00::1', 'fd00::2', 'fd00::1:fe', 'fd00:1:2:3::4', '2001:db9::1', '2a00::cafe:1', 'fd00:0:1::1', '64:ff9b::1'],
);
const LOCAL = addresses('2001:db8::1', '2001:db8::2', '2001:db8::ff', '2001:db8:0:1::1', '2001:db8:7fff:ffff::1');
const FOREIGN = addresses(
  ...['2001:db8:8000::1', '2001:db8:c000::1', '2001:db8:c000::1:2', '2001:db8:dfff::1', '2001:db8:e000::1'],
  ...['2001:dead::7', 'fd99::1'],
);

/** What rules and packets are about in this world. */
const LAB6: Vocabulary<bigint> = {
  ...EVERYTHING6,
  sources: SOURCES,
  destinations: { INPUT: LOCAL, FORWARD: FOREIGN, OUTPUT: [...FOREIGN, ...LOCAL.slice(0, 2)] },
};

interface Route {
  readonly prefix: string;
  readonly device: string;
  /** The address's first 48 bits under `mask`. */
  readonly mask: bigint;
  readonly value: bigint;
}

/** Destinations of the router's routes, most specific first. */
const ROUTES: readonly Route[] = [
  { prefix: '2001:db8:c000::/35', device: 'veth0', mask: 0xffff_ffff_e000n, value: 0x2001_0db8_c000n },
  { prefix: '2001:db8:e000::/35', device: 'eth0', mask: 0xffff_ffff_e000n, value: 0x2001_0db8_e000n },
  { prefix: 'default', device: 'eth1', mask: 0n, value: 0n },
];

function isLocal(address: bigint): boolean {
  return address >> 95n === 0x2001_0db8_0000n >> 15n;
}

/** Addresses that are no host's, or of one link only: unspecified, loopback and what holds IPv4, link-local, multicast. */
function isSpecial(address: bigint): boolean {
  const first = address >> 112n;
  return address >> 48n === 0n || first === 0xffn || first >= 0xfe80n;
}

const LOW_95 = (1n << 95n) - 1n;
const LOCAL_BASE = 0x2001_0db8_0000n << 80n;
const FOREIGN_BASE = 0x2001_0db8_8000n << 80n;

/** Bends a packet into one that can be sent in this world. A packet that came in by `lo` was sent by the router. */
function settle(packet: HookPacket): HookPacket {
  const view = new Ipv6View(packet);
  let { source, destination } = view;
  if (isSpecial(source) || isLocal(source)) source = (source & ((1n << 112n) - 1n)) | (0xfd00n << 112n);
  const { hook, inDevice, outDevice } = packet;
  const byLoopback = hook === 'INPUT' ? inDevice === 'lo' : hook === 'OUTPUT' && outDevice === 'lo';
  if (hook === 'INPUT' || byLoopback) {
    if (!isLocal(destination)) destination = (destination & LOW_95) | LOCAL_BASE;
  } else if (isSpecial(destination) || isLocal(destination)) {
    destination = (destination & LOW_95) | FOREIGN_BASE;
  }
  const bytes = packet.bytes.slice();
  setAddress(bytes, 8, source);
  setAddress(bytes, 24, destination);
  // Hop-by-hop options that nobody could read are options for the destination.
  if (bytes[6] === 0 && bytes.length >= 44 && bytes[43] !== 8 * bytes[41]! + 4) bytes[6] = 60;
  const family = 'ipv6';
  if (byLoopback) return { family, hook: 'OUTPUT', inDevice: '', outDevice: 'lo', bytes };
  if (hook === 'INPUT') return { family, hook, inDevice, outDevice: '', bytes };
  if (hook === 'OUTPUT') return { family, hook, inDevice: '', outDevice, bytes: asRawSocketsMay(bytes) };
  return { family, hook, inDevice: inDevice === 'lo' ? 'eth0' : inDevice, outDevice: routeOf(destination), bytes };
}

/** The kernel sends what it is given: any version, and any payload length. */
function asRawSocketsMay(bytes: Uint8Array): Uint8Array {
  if (bytes[7]! % 16 === 0) bytes[0] = (bytes[0]! & 15) | 0x40;
  if (bytes[7]! % 16 === 1) bytes.set([0, 7], 4);
  return bytes;
}

/** The device that a packet to another host is routed to. */
export function routeOf(destination: bigint): string {
  return ROUTES.find(({ mask, value }) => ((destination >> 80n) & mask) === value)!.device;
}

/** Whether the stack can read what it reads before any hook. */
function comesIn(bytes: Uint8Array): boolean {
  return bytes[6] !== 0 || (bytes.length >= 48 && bytes.length >= 40 + 8 * (bytes[41]! + 1));
}

/** What the table's hooks see when the packet is sent in this world. */
function seenOf(table: Table, packet: HookPacket, observe?: Observer): Seen[] {
  const see = (seen: HookPacket): Seen => ({ packet: seen, outcome: interpret(table, seen, observe) });
  if (packet.hook !== 'OUTPUT') return comesIn(packet.bytes) ? [see(packet)] : [];
  const out = see(packet);
  const comesBack = packet.outDevice === 'lo' && out.outcome.verdict === 'accept' && comesIn(packet.bytes);
  return comesBack ? [out, see({ ...packet, hook: 'INPUT', inDevice: 'lo', outDevice: '' })] : [out];
}

export const WORLD6: World = {
  family: 'ipv6',
  vocabulary: LAB6,
  settle,
  seenOf,
  piecesOf: ({ bytes }) => [bytes],
  sysctls: [
    ['net.ipv6.conf.all.disable_ipv6', 0],
    ['net.ipv6.conf.default.disable_ipv6', 0],
    ['net.ipv6.conf.all.forwarding', 1],
    ['net.ipv6.conf.default.forwarding', 1],
    // No link-local addresses.
    ['net.ipv6.conf.default.addr_gen_mode', 1],
    ['net.ipv6.conf.default.mldv2_unsolicited_report_interval', 1],
    // Lone fragments must not fill the reassembly queue.
    ['net.ipv6.ip6frag_time', 1],
  ],
  addressCommands: [
    // What is sent from the router asks for some address before it sends its own.
    'addr add 2001:db8::1/128 dev lo nodad',
    '-6 route add local 2001:db8::/33 dev lo table local',
  ],
  routes: ROUTES,
  byRules: true,
  via: '',
};

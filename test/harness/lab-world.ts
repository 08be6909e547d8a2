// The world of the differential test as plain facts: which packets can arrive where, and what a table then sees.
//
// A router has the devices eth0, eth1 and veth0; behind each is the same outside, which sends and receives frames.
//   10.0.0.0/9                                the router itself (INPUT)
//   10.128.0.0/10 and all else                routed out by eth1 (FORWARD)
//   10.192.0.0/11                             routed out by veth0
//   10.224.0.0/11                             routed out by eth0
// What the stack does by itself must not be counted: it answers packets that INPUT accepts with resets, echo replies and
// ICMP errors, and these would pass OUTPUT. So the router has no route for packets of its own but to itself, no
// packet comes from one of the router's addresses, and what the test sends from the router carries a mark that leads
// to a routing table of its own. No packet is malformed or from a martian source, except those that are sent on
// purpose and must not be seen; fragments for the router are reassembled before INPUT, and a lone one never gets there.

import type { Family } from '../../src/base/family.ts';
import { type HookPacket, Ipv4View } from '../../src/base/packet.ts';
import { interpret, type Observer, type Outcome } from '../../src/reference/interpret.ts';
import type { Table } from '../../src/ruleset/model.ts';
import { fixHeaderChecksum, fragmentPacket } from './packet-builder.ts';
import { EVERYTHING, type Vocabulary } from './random-rules.ts';

/** What a lab is made of, and what hooks see in it. */
export interface World {
  readonly family: Family;
  /** What rules and packets are about. */
  readonly vocabulary: Vocabulary;
  /** Bends a packet into one that can be sent. */
  settle(packet: HookPacket): HookPacket;
  /** What the table's hooks see when the packet is sent. */
  seenOf(table: Table, packet: HookPacket, observe?: Observer): Seen[];
  /** The packets that are sent for it. */
  piecesOf(packet: HookPacket): Uint8Array[];
  /** Of the router, before it has devices. */
  readonly sysctls: readonly (readonly [key: string, value: number])[];
  /** Words for `ip`. */
  readonly addressCommands: readonly string[];
  /** Destinations of the router's routes, most specific first, and the words of a route that name its gateway. */
  readonly routes: readonly { readonly prefix: string; readonly device: string }[];
  readonly via: string;
  /** Whether routing rules keep these routes from what the router sends by itself. */
  readonly byRules: boolean;
}

/** The router's devices that frames come in by. */
export const DEVICES = ['eth0', 'eth1', 'veth0'] as const;

/** Destinations of the router's routes, most specific first. */
const ROUTES: readonly {
  readonly prefix: string;
  readonly device: string;
  readonly low: number;
  readonly high: number;
}[] = [
  { prefix: '10.192.0.0/11', device: 'veth0', low: 0x0ac00000, high: 0x0adfffff },
  { prefix: '10.224.0.0/11', device: 'eth0', low: 0x0ae00000, high: 0x0affffff },
  { prefix: 'default', device: 'eth1', low: 0, high: 0xffffffff },
];

const LOCAL_PREFIX = '10.0.0.0/9';

const SOURCES = [
  0x0b000001, 0x0b000002, 0x0b0000fe, 0x0b010203, 0xac100504, 0xc0a80101, 0xc0a80102, 0xcb007109, 0xf0000001,
];
const LOCAL = [0x0a000001, 0x0a000002, 0x0a0000ff, 0x0a000101, 0x0a7fffff, 0x0a000000];
const FOREIGN = [0x0a800001, 0x0ac00001, 0x0ac00102, 0x0adfffff, 0x0ae00001, 0xc0a80107, 0xc6336407, 0xf0000002];

/** What rules and packets are about in this world. */
export const LAB: Vocabulary = {
  ...EVERYTHING,
  sources: SOURCES,
  destinations: { INPUT: LOCAL, FORWARD: FOREIGN, OUTPUT: [...FOREIGN, ...LOCAL.slice(0, 2)] },
};

function isLocal(address: number): boolean {
  return address >>> 23 === 0x0a000000 >>> 23;
}

/** Addresses that are no host's: this network, loopback, multicast, broadcast. */
function isSpecial(address: number): boolean {
  const first = address >>> 24;
  return first === 0 || first === 127 || (first >= 224 && first < 240) || address === 0xffffffff;
}

/** Bends a packet into one that can be sent in this world. A packet that came in by `lo` was sent by the router. */
export function settle(packet: HookPacket): HookPacket {
  const view = new Ipv4View(packet);
  let { source, destination } = view;
  if (isSpecial(source) || isLocal(source)) source = (source & 0x00ffffff) | 0x0b000000;
  const { hook, inDevice, outDevice } = packet;
  const byLoopback = hook === 'INPUT' ? inDevice === 'lo' : hook === 'OUTPUT' && outDevice === 'lo';
  if (hook === 'INPUT' || byLoopback) {
    if (!isLocal(destination)) destination = (destination & 0x007fffff) | 0x0a000000;
  } else if (isSpecial(destination) || isLocal(destination)) {
    destination = (destination & 0x007fffff) | 0x0a800000;
  }
  const bytes = packet.bytes.slice();
  const data = new DataView(bytes.buffer);
  data.setUint32(12, source);
  data.setUint32(16, destination);
  fixHeaderChecksum(bytes);
  if (byLoopback) return { hook: 'OUTPUT', inDevice: '', outDevice: 'lo', bytes };
  if (hook === 'INPUT') return { hook, inDevice, outDevice: '', bytes };
  if (hook === 'OUTPUT') return { hook, inDevice: '', outDevice, bytes };
  return { hook, inDevice: inDevice === 'lo' ? 'eth0' : inDevice, outDevice: routeOf(destination >>> 0), bytes };
}

/** The device that a packet to another host is routed to. */
function routeOf(destination: number): string {
  return ROUTES.find(({ low, high }) => low <= destination && destination <= high)!.device;
}

/** The packets that are sent for it: some of those that may be fragmented are sent in fragments. */
export function piecesOf(packet: HookPacket): Uint8Array[] {
  const view = new Ipv4View(packet);
  const { bytes } = packet;
  const id = new DataView(bytes.buffer, bytes.byteOffset).getUint16(4);
  const whole = packet.hook === 'OUTPUT' || isFragment(packet) || (bytes[6]! & 0x40) !== 0 || id % 16 !== 0;
  if (whole || bytes.length - view.transportOffset <= 24) return [bytes];
  return fragmentPacket(bytes, id % 32 === 0 ? 8 : 24);
}

function isFragment(packet: HookPacket): boolean {
  return (packet.bytes[6]! & 0x20) !== 0 || new Ipv4View(packet).fragmentOffset > 0;
}

/** Something that a hook sees, and what becomes of it. */
export interface Seen {
  readonly packet: HookPacket;
  readonly outcome: Outcome;
}

/** What the table's hooks see when the packet is sent in this world. */
function seenOf(table: Table, packet: HookPacket, observe?: Observer): Seen[] {
  const see = (seen: HookPacket): Seen => ({ packet: seen, outcome: interpret(table, seen, observe) });
  if (packet.hook === 'FORWARD') return piecesOf(packet).map((bytes) => see({ ...packet, bytes }));
  if (packet.hook === 'INPUT') return isFragment(packet) ? [] : [see(packet)];
  const out = see(packet);
  const comesBack = packet.outDevice === 'lo' && out.outcome.verdict === 'accept' && !isFragment(packet);
  return comesBack ? [out, see({ ...packet, hook: 'INPUT', inDevice: 'lo', outDevice: '' })] : [out];
}

/** Whether something that a hook accepted leaves the router by a wire. */
export function leaves({ packet, outcome }: Seen): boolean {
  return packet.hook !== 'INPUT' && packet.outDevice !== 'lo' && outcome.verdict === 'accept';
}

/** What the stack throws away before any hook, each made of a good packet for INPUT. */
export function malformed(good: Uint8Array): { readonly name: string; readonly bytes: Uint8Array }[] {
  const change = (name: string, edit: (bytes: Uint8Array) => void, fix = true) => {
    const bytes = good.slice();
    edit(bytes);
    if (fix) fixHeaderChecksum(bytes);
    return { name, bytes };
  };
  return [
    change('bad header checksum', (bytes) => bytes.set([bytes[10]! ^ 1], 10), false),
    change('version 6', (bytes) => bytes.set([0x60 | (bytes[0]! & 15)], 0)),
    change('header length 16', (bytes) => bytes.set([0x44], 0)),
    change('header longer than the packet', (bytes) => bytes.set([0x4f], 0), false),
    change('length beyond the frame', (bytes) => bytes.set([0x7f, 0xff], 2)),
    change('length within the header', (bytes) => bytes.set([0, 19], 2)),
    change('loopback source', (bytes) => bytes.set([127, 0, 0, 1], 12)),
    change('multicast source', (bytes) => bytes.set([224, 0, 0, 1], 12)),
    { name: 'half a header', bytes: good.slice(0, 11) },
  ];
}

export const WORLD: World = {
  ...{ family: 'ipv4', vocabulary: LAB, settle, seenOf, piecesOf },
  sysctls: [
    ['net.ipv4.ip_forward', 1],
    ['net.ipv4.conf.all.accept_local', 1],
    ['net.ipv4.conf.all.rp_filter', 0],
    ['net.ipv4.conf.default.rp_filter', 0],
    ['net.ipv4.conf.all.send_redirects', 0],
    ['net.ipv4.conf.default.send_redirects', 0],
    // Lone fragments must not fill the reassembly queue.
    ['net.ipv4.ipfrag_time', 1],
  ],
  addressCommands: [`route add local ${LOCAL_PREFIX} dev lo table local`],
  routes: ROUTES,
  byRules: true,
  via: 'via 169.254.0.1 onlink',
};

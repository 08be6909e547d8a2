// The world of the differential test without routing rules, which leave nothing certain: addresses and routes of a router as
// most are, so that packets can be dropped early. Each device has sources of its own behind it; of others that come in by it
// nothing is certain.
//
//   10.192.0.0/11, 11.0.0.0/24                  behind veth0
//   10.224.0.0/11, 11.1.0.0/16, 192.168.0.0/16  behind eth0
//   all else but 10.0.0.0/9, the router         behind eth1
// The router answers what INPUT accepts, and its answers are counted: at once and all of them, so the same gets the same.
// It would complain of lone fragments when their time is up, so there are none to the router; nor does it send any, of which it
// complains where connections are tracked.
// One of eight packets that come in by a wire is odd: from or to where no host is, or with no time left to live.

import { parseAddress } from '../../src/base/ipv4.ts';
import { parseAddress6 } from '../../src/base/ipv6.ts';
import { type HookPacket, Ipv6View } from '../../src/base/packet.ts';
import { setAddress, unfragmented } from './ipv6-builder.ts';
import { settle, WORLD, type World } from './lab-world.ts';
import { routeOf, WORLD6 } from './lab-world-ipv6.ts';
import { fixHeaderChecksum } from './packet-builder.ts';

const [SOURCE, DESTINATION, TTL] = [12, 16, 8];
const [SOURCE6, DESTINATION6, HOP_LIMIT] = [8, 24, 7];

/** What is written into an odd packet, and where. */
type Oddity<A> = readonly [at: number, value: A];

const ODD: readonly Oddity<number>[] = [
  ...['10.0.0.1', '10.128.0.7', '127.0.0.1', '0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255', '240.0.0.1'].map(
    (text): Oddity<number> => [SOURCE, parseAddress(text)!],
  ),
  ...['224.0.0.1', '224.0.0.251', '239.1.2.3', '255.255.255.255', '127.1.2.3', '0.0.0.0', '240.0.0.1', '10.0.0.1'].map(
    (text): Oddity<number> => [DESTINATION, parseAddress(text)!],
  ),
  ...[0, 1, 1, 2].map((left): Oddity<number> => [TTL, left]),
];

const ODD6: readonly Oddity<bigint>[] = [
  ...['2001:db8::1', '::1', '::', 'ff02::1', 'ff0e::1', '::ffff:192.0.2.1', '::192.0.2.1', 'fe80::9', 'fec0::9'].map(
    (text): Oddity<bigint> => [SOURCE6, parseAddress6(text)!],
  ),
  ...['ff02::1', 'ff02::2', 'ff05::2', 'ff0e::1', '::1', '::', 'fe80::1', '::ffff:10.0.0.1', '2001:db8::'].map(
    (text): Oddity<bigint> => [DESTINATION6, parseAddress6(text)!],
  ),
  ...[0n, 1n, 1n, 2n].map((left): Oddity<bigint> => [HOP_LIMIT, left]),
];

function settlePlain(packet: HookPacket): HookPacket {
  const settled = settle(packet);
  const bytes = settled.bytes.slice();
  const isSent = settled.hook === 'OUTPUT';
  if (isSent || settled.hook === 'INPUT') bytes.set([bytes[6]! & 0xc0, 0], 6);
  const data = new DataView(bytes.buffer);
  const id = data.getUint16(4);
  if (!isSent && id % 8 === 0 && isWhole(bytes)) {
    const [at, value] = ODD[(id >> 3) % ODD.length]!;
    if (at === TTL) bytes[at] = value;
    else data.setUint32(at, value);
  }
  fixHeaderChecksum(bytes);
  return { ...settled, bytes };
}

const isWhole = (bytes: Uint8Array) => (bytes[6]! & 0x3f) === 0 && bytes[7] === 0;

function settlePlain6(packet: HookPacket): HookPacket {
  const settled = WORLD6.settle(packet);
  const isToUs = settled.hook === 'INPUT' || settled.outDevice === 'lo';
  const bytes = isToUs ? unfragmented(settled.bytes) : settled.bytes.slice();
  const left = bytes[HOP_LIMIT]!;
  if (settled.hook !== 'OUTPUT' && left % 8 === 0) {
    const [at, value] = ODD6[(left >> 3) % ODD6.length]!;
    if (at === HOP_LIMIT) bytes[at] = Number(value);
    else setAddress(bytes, at, value);
  }
  // The stack sends by no device that has no route.
  const isOut = settled.hook === 'OUTPUT' && !isToUs;
  return { ...settled, bytes, ...(isOut && { outDevice: routeOf(new Ipv6View(settled).destination) }) };
}

export const PLAIN_WORLD: World = {
  ...WORLD,
  settle: settlePlain,
  sysctls: [...WORLD.sysctls, ['net.ipv4.icmp_ratemask', 0]],
  routes: [
    ...WORLD.routes,
    { prefix: '11.0.0.0/24', device: 'veth0' },
    { prefix: '11.1.0.0/16', device: 'eth0' },
    { prefix: '192.168.0.0/16', device: 'eth0' },
  ],
  byRules: false,
};

/** The same router that takes no packet from where it would not send the answer. */
export const STRICT_WORLD: World = {
  ...PLAIN_WORLD,
  sysctls: [...PLAIN_WORLD.sysctls, ['net.ipv4.conf.all.rp_filter', 1], ['net.ipv4.conf.all.accept_local', 0]],
};

/** The same for IPv6, where nobody asks which way packets came. */
export const PLAIN_WORLD6: World = {
  ...WORLD6,
  settle: settlePlain6,
  sysctls: [
    ...WORLD6.sysctls,
    // All errors are told, so the same are.
    ['net.ipv6.icmp.ratelimit', 0],
    ['net.ipv4.icmp_msgs_per_sec', 1_000_000],
    ['net.ipv4.icmp_msgs_burst', 1_000_000],
  ],
  byRules: false,
};

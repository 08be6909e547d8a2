// The world of the differential test without routing rules, which leave nothing certain: addresses and routes of a router as
// most are, so that packets can be dropped early. Each device has sources of its own behind it; of others that come in by it
// nothing is certain.
//
//   10.192.0.0/11, 11.0.0.0/24                  behind veth0
//   10.224.0.0/11, 11.1.0.0/16, 192.168.0.0/16  behind eth0
//   all else but 10.0.0.0/9, the router         behind eth1
// The router answers what INPUT accepts, and its answers are counted: at once and all of them, so the same gets the same.
// It would complain of lone fragments when their time is up, so there are none to the router.

import type { HookPacket } from '../../src/base/packet.ts';
import { settle, WORLD, type World } from './lab-world.ts';
import { WORLD6 } from './lab-world-ipv6.ts';
import { fixHeaderChecksum } from './packet-builder.ts';

function settlePlain(packet: HookPacket): HookPacket {
  const settled = settle(packet);
  if (settled.hook === 'FORWARD' || (settled.hook === 'OUTPUT' && settled.outDevice !== 'lo')) return settled;
  const bytes = settled.bytes.slice();
  bytes.set([bytes[6]! & 0xc0, 0], 6);
  fixHeaderChecksum(bytes);
  return { ...settled, bytes };
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
  sysctls: [
    ...WORLD6.sysctls,
    // All errors are told, so the same are.
    ['net.ipv6.icmp.ratelimit', 0],
    ['net.ipv4.icmp_msgs_per_sec', 1_000_000],
    ['net.ipv4.icmp_msgs_burst', 1_000_000],
  ],
  byRules: false,
};

// Devices and local destinations of the network namespace that the process is in (rtnetlink(7)).

import type { HostFacts } from '../base/features.ts';
import { normalize } from '../base/intervals.ts';
import { GROUP_ADDRESSES, prefixMask } from '../base/ipv4.ts';
import { KernelError } from './errors.ts';
import { attributes, dump, FAMILY, text } from './netlink.ts';

const RTM_GETLINK = 18;
const RTM_GETROUTE = 26;
const AF_INET = 2;

export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** Driver kind of a virtual device (`veth`, `bridge`); absent for hardware. */
  readonly kind?: string;
  readonly master?: number;
  /** Index of the device below it, in the namespace of that device: of a VLAN, a macvlan, and of a veth's peer. */
  readonly lower?: number;
  readonly loopback: boolean;
  /** Whether its frames begin with an Ethernet header. */
  readonly ethernet: boolean;
  /** Mode of an attached XDP program, whosever it is. */
  readonly xdp?: 'native' | 'generic' | 'offload';
}

/** `struct ifinfomsg` is 16 bytes; attribute numbers are those of if_link.h. */
const IFINFOMSG = 16;
const IFLA = { ifname: 3, link: 5, master: 10, linkinfo: 18, xdp: 43, infoKind: 1, xdpAttached: 2 } as const;
const IFF_LOOPBACK = 8;
const ARPHRD_ETHER = 1;
/** XDP_ATTACHED_DRV, _SKB, _HW */
const XDP_ATTACHED: Readonly<Record<number, Link['xdp']>> = { 1: 'native', 2: 'generic', 3: 'offload' };

export function listLinks(): Link[] {
  return dump('list the network devices', FAMILY.route, RTM_GETLINK, Buffer.alloc(IFINFOMSG)).map((message) => {
    const found = attributes(message, IFINFOMSG);
    const nested = (type: number): Map<number, Buffer> => attributes(found.get(type) ?? Buffer.alloc(0), 0);
    const kind = text(nested(IFLA.linkinfo).get(IFLA.infoKind));
    const master = found.get(IFLA.master)?.readUInt32LE(0);
    const lower = found.get(IFLA.link)?.readUInt32LE(0);
    const xdp = XDP_ATTACHED[nested(IFLA.xdp).get(IFLA.xdpAttached)?.readUInt8(0) ?? 0];
    return {
      ifindex: message.readInt32LE(4),
      name: text(found.get(IFLA.ifname)) ?? '',
      loopback: (message.readUInt32LE(8) & IFF_LOOPBACK) !== 0,
      ethernet: message.readUInt16LE(2) === ARPHRD_ETHER,
      ...(kind === undefined ? {} : { kind }),
      ...(master === undefined ? {} : { master }),
      ...(lower === undefined ? {} : { lower }),
      ...(xdp === undefined ? {} : { xdp }),
    };
  });
}

/** `struct rtmsg` is 12 bytes. */
const RTMSG = 12;
const RTA_DST = 1;
const RT_TABLE_LOCAL = 255;
const RTN_LOCAL = 2;
const RTN_BROADCAST = 3;

/**
 * Everything that the stack delivers to this host: what the local routing table says, multicast (RFC 1112) and the
 * limited broadcast address (RFC 919).
 */
export function localDestinations(): HostFacts['localDestinations'] {
  const local = localTable().flatMap((message) => {
    const found = attributes(message, RTMSG);
    const type = message.readUInt8(7);
    if (type !== RTN_LOCAL && type !== RTN_BROADCAST) return [];
    const length = message.readUInt8(1);
    const low = found.get(RTA_DST)?.readUInt32BE(0) ?? 0;
    return [{ low, high: (low | ~prefixMask(length)) >>> 0 }];
  });
  return normalize([...local, ...GROUP_ADDRESSES]);
}

/** The routes of the local table; a namespace without any address has no such table. */
function localTable(): Buffer[] {
  const request = Buffer.alloc(RTMSG);
  request.writeUInt8(AF_INET, 0);
  request.writeUInt8(RT_TABLE_LOCAL, 4);
  try {
    return dump('read the local routing table', FAMILY.route, RTM_GETROUTE, request);
  } catch (error) {
    if (error instanceof KernelError && error.errnoName === 'ENOENT') return [];
    throw error;
  }
}

// Devices and local destinations of the network namespace that the process is in (rtnetlink(7)).

import { nameOfBytes } from '../base/device-name.ts';
import type { HostFacts, HostFacts6 } from '../base/features.ts';
import { normalize } from '../base/intervals.ts';
import { GROUP_ADDRESSES, prefixMask } from '../base/ipv4.ts';
import { prefixMask6 } from '../base/ipv6.ts';
import { normalizeWide, WIDE_MAXIMUM, type WideInterval } from '../base/wide-intervals.ts';
import { KernelError } from './errors.ts';
import { attributes, dump, FAMILY, text } from './netlink.ts';

const RTM_GETLINK = 18;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;

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
      name: nameOfBytes(found.get(IFLA.ifname) ?? new Uint8Array()),
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
const RTA_OIF = 4;
const RT_TABLE_LOCAL = 255;
/** RTN_LOCAL, RTN_BROADCAST, and RTN_ANYCAST, which there is of IPv6 alone. */
const LOCAL_ROUTES: readonly number[] = [2, 3, 4];

/**
 * Everything that the stack delivers to this host: what the local routing table says, multicast (RFC 1112) and the
 * limited broadcast address (RFC 919).
 */
export function localDestinations(): HostFacts['localDestinations'] {
  const local = localRoutes(AF_INET).map(({ length, destination }) => {
    const low = destination?.readUInt32BE(0) ?? 0;
    return { low, high: (low | ~prefixMask(length)) >>> 0 };
  });
  return normalize([...local, ...GROUP_ADDRESSES]);
}

/** The same of IPv6, anycast addresses and all groups (RFC 4291, 2.7) among them. */
export function localDestinations6(): HostFacts6 {
  const routes = localRoutes(AF_INET6).map(({ length, destination, ifindex }) => {
    const low = destination === undefined ? 0n : BigInt(`0x${destination.toString('hex')}`);
    return { low, high: low | (WIDE_MAXIMUM ^ prefixMask6(length)), ifindex };
  });
  const ofDevices = routes.filter(({ low }) => contains(LINK_LOCAL, low));
  const others = routes.filter(({ low }) => !contains(LINK_LOCAL, low)).map(({ low, high }) => ({ low, high }));
  return {
    localDestinations: normalizeWide([...others, GROUPS]),
    ofDevices: ofDevices.map(({ low, ifindex }) => ({ ifindex, destination: low })),
  };
}

/** fe80::/10 and ff00::/8. */
const LINK_LOCAL: WideInterval = { low: 0xfe80n << 112n, high: (0xfec0n << 112n) - 1n };
const GROUPS: WideInterval = { low: 0xff00n << 112n, high: WIDE_MAXIMUM };

function contains({ low, high }: WideInterval, value: bigint): boolean {
  return low <= value && value <= high;
}

/** The routes of the local table that lead to this host. */
function localRoutes(family: number): { length: number; destination: Buffer | undefined; ifindex: number }[] {
  return localTable(family).flatMap((message) => {
    if (!LOCAL_ROUTES.includes(message.readUInt8(7))) return [];
    const found = attributes(message, RTMSG);
    const ifindex = found.get(RTA_OIF)?.readUInt32LE(0) ?? 0;
    return [{ length: message.readUInt8(1), destination: found.get(RTA_DST), ifindex }];
  });
}

/** The routes of the local table; a namespace without any address has no such table. */
function localTable(family: number): Buffer[] {
  const request = Buffer.alloc(RTMSG);
  request.writeUInt8(family, 0);
  request.writeUInt8(RT_TABLE_LOCAL, 4);
  try {
    return dump('read the local routing table', FAMILY.route, RTM_GETROUTE, request);
  } catch (error) {
    if (error instanceof KernelError && error.errnoName === 'ENOENT') return [];
    throw error;
  }
}

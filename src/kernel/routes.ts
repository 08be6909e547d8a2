// Routes and routing rules in the network namespace that the process is in (rtnetlink(7)).

import { existsSync, readFileSync } from 'node:fs';
import type { Family } from '../base/family.ts';
import { attributes, dump, FAMILY } from './netlink.ts';

const RTM_GETROUTE = 26;
const RTM_GETRULE = 34;
const ADDRESS_FAMILY: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 };

export interface Route<Address = number> {
  readonly table: number;
  readonly destination: Address;
  readonly length: number;
  /** RTN_UNICAST and so on. */
  readonly type: number;
  /** Devices of all next hops; empty where they are not told here. */
  readonly devices: readonly number[];
  /** Whether it holds for every packet to the destination, as it is, and all its next hops are up. */
  readonly plain: boolean;
}

/** `struct rtmsg`, `struct fib_rule_hdr`: 12 bytes both. Attributes: include/uapi/linux/rtnetlink.h, fib_rules.h. */
const HEADER = 12;
const RTA = { dst: 1, oif: 4, multipath: 9, table: 15, encapType: 21, nextHopId: 30 } as const;
const FRA = { priority: 6, table: 15 } as const;
/** Attributes of a rule that asks nothing and does nothing but name a table: its numbers, and who made it. */
const PLAIN_RULE: ReadonlySet<number> = new Set([
  FRA.priority,
  FRA.table,
  14 /* SUPPRESS_PREFIXLEN */,
  21 /* PROTOCOL */,
]);
const FR_ACT_TO_TBL = 1;
/** RTM_F_CLONED: of what one destination differs in. */
const CLONED = 0x200;
/** RTNH_F_DEAD and RTNH_F_LINKDOWN */
const DOWN = 1 | 16;
const NEXT_HOP = 8;

/** All routes of IPv4 of all tables but cloned ones. */
export function listRoutes(): Route[] {
  return dumpRoutes('ipv4', (destination) => destination?.readUInt32BE(0) ?? 0);
}

/** The same of IPv6. */
export function listRoutes6(): Route<bigint>[] {
  return dumpRoutes('ipv6', (destination) =>
    destination === undefined ? 0n : (destination.readBigUInt64BE(0) << 64n) | destination.readBigUInt64BE(8),
  );
}

function dumpRoutes<Address>(family: Family, read: (destination: Buffer | undefined) => Address): Route<Address>[] {
  const request = Buffer.alloc(HEADER);
  request.writeUInt8(ADDRESS_FAMILY[family], 0);
  const messages = dump('read the routes', FAMILY.route, RTM_GETROUTE, request);
  return messages.flatMap((message) => {
    if ((message.readUInt32LE(8) & CLONED) !== 0) return [];
    const found = attributes(message, HEADER);
    const hops = nextHops(found.get(RTA.multipath));
    const device = found.get(RTA.oif)?.readUInt32LE(0);
    const flags = hops.reduce((all, hop) => all | hop.flags, message.readUInt32LE(8));
    const isWrapped = [found, ...hops.map((hop) => hop.more)].some((each) => each.has(RTA.encapType));
    const isForAll = message.readUInt8(2) === 0 && message.readUInt8(3) === 0;
    return {
      table: found.get(RTA.table)?.readUInt32LE(0) ?? message.readUInt8(4),
      destination: read(found.get(RTA.dst)),
      length: message.readUInt8(1),
      type: message.readUInt8(7),
      devices: device === undefined ? hops.map((hop) => hop.device) : [device],
      plain: isForAll && (flags & DOWN) === 0 && !isWrapped && !found.has(RTA.nextHopId),
    };
  });
}

interface NextHop {
  readonly device: number;
  readonly flags: number;
  readonly more: ReadonlyMap<number, Buffer>;
}

/** `struct rtnexthop`, one behind the other, each with attributes of its own. */
function nextHops(list: Buffer | undefined): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; list !== undefined && at + NEXT_HOP <= list.length; at += (list.readUInt16LE(at) + 3) & ~3) {
    const more = attributes(list.subarray(at, at + list.readUInt16LE(at)), NEXT_HOP);
    hops.push({ flags: list.readUInt8(at + 2), device: list.readInt32LE(at + 4), more });
  }
  return hops;
}

/** The tables that packets of all kinds are looked up in, in order; `undefined` where rules ask more of packets. */
export function routingTables(family: Family = 'ipv4'): number[] | undefined {
  const request = Buffer.alloc(HEADER);
  request.writeUInt8(ADDRESS_FAMILY[family], 0);
  const rules = dump('read the routing rules', FAMILY.route, RTM_GETRULE, request).map((message) => {
    const found = attributes(message, HEADER);
    const asksNothing =
      message.readUInt8(1) === 0 &&
      message.readUInt8(2) === 0 &&
      message.readUInt8(3) === 0 &&
      message.readUInt8(7) === FR_ACT_TO_TBL &&
      message.readUInt32LE(8) === 0 &&
      [...found.keys()].every((attribute) => PLAIN_RULE.has(attribute)) &&
      (found.get(14)?.readInt32LE(0) ?? -1) === -1;
    const table = found.get(FRA.table)?.readUInt32LE(0) ?? message.readUInt8(4);
    return { asksNothing, table, priority: found.get(FRA.priority)?.readUInt32LE(0) ?? 0 };
  });
  if (!rules.every(({ asksNothing }) => asksNothing)) return undefined;
  return rules.sort((a, b) => a.priority - b.priority).map(({ table }) => table);
}

/** Whether the host forwards IPv4 packets that come in by a device; absent devices forward nothing. */
export function forwards(device: string): boolean {
  return setting('ipv4', device, 'forwarding') === '1';
}

/** Whether the host forwards IPv6 packets: `ip6_forward` (net/ipv6/ip6_output.c) asks of no single device. */
export function forwards6(): boolean {
  return setting('ipv6', 'all', 'forwarding') === '1';
}

/** Whether a device takes IPv6 packets at all. */
export function takesIpv6(device: string): boolean {
  return setting('ipv6', device, 'disable_ipv6') === '0';
}

/** Whether IPv6 routes by a device are none while it has no link. */
export function ignoresLinkDown(device: string): boolean {
  return setting('ipv6', device, 'ignore_routes_with_linkdown') !== '0';
}

/** Whether bridges may show netfilter what they carry. */
export function bridgesAskNetfilter(): boolean {
  return existsSync('/proc/sys/net/bridge');
}

/** A setting of a device; nothing where it has none. */
function setting(family: Family, device: string, name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${family}/conf/${device}/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

// What iptables-legacy's table nat asks of packets at PREROUTING.
//
// Layouts of include/uapi/linux/netfilter_ipv4/ip_tables.h (`struct ipt_ip`), .../netfilter_ipv6/ip6_tables.h (`struct
// ip6t_ip6`), .../netfilter/xt_tcpudp.h and xt_multiport.h. iptables-nft's rules have the same matches.

import type { Family } from '../base/family.ts';
import { normalize } from '../base/intervals.ts';
import {
  ADDRESS_BYTES,
  asksDevice,
  asksMasked,
  asksNumber,
  bigEndian,
  type NatConditions,
  type NatRule,
} from '../base/nat.ts';
import { chainAt, type Entry, type Extension, entriesOf, matchesOf, targetOf } from './xtables-blob.ts';

/** Source, destination and their masks in network order, in front of all else; names and masks of devices; protocol, what is inverted. */
const HEAD = {
  ipv4: { device: 16, deviceMask: 48, protocol: 80, inverted: 83 },
  ipv6: { device: 64, deviceMask: 96, protocol: 128, inverted: 132 },
} as const;
const INVERTED = { device: 0x01, source: 0x08, destination: 0x10, protocol: 0x40 } as const;
const NAME_SIZE = 16;
/** `struct xt_tcp`, `struct xt_udp`: ranges of ports, and which of them are inverted, of either in the same bits. */
const PORTS = { source: 0, destination: 4, inverted: { tcp: 11, udp: 8 } } as const;
const [INVERTED_SOURCE, INVERTED_DESTINATION] = [1, 2];
/** `struct xt_multiport_v1`: which port, how many ports there are, the ports, which are the first of a range, whether inverted. */
const MULTIPORT = { revision: 1, which: 0, count: 1, ports: 2, ranges: 32, inverted: 47, size: 48 } as const;
const MULTIPORT_FIELDS = ['sport', 'dport'] as const;
/** What a standard target says: RETURN and ACCEPT, as it stores them; other negative numbers are no part of NAT. */
const PASSING: readonly number[] = [-5, -2];

/** Matches that only look at packets. */
export const LOOKING: ReadonlySet<string> = new Set([
  ...['addrtype', 'ah', 'comment', 'connmark', 'conntrack', 'devgroup', 'dscp', 'dst', 'ecn', 'esp', 'eui64', 'frag'],
  ...['hbh', 'hl', 'icmp', 'icmp6', 'iprange', 'ipv6header', 'length', 'mac', 'mark', 'multiport', 'owner', 'physdev'],
  ...['pkttype', 'policy', 'realm', 'rt', 'sctp', 'state', 'tcp', 'tcpmss', 'tos', 'ttl', 'u32', 'udp'],
]);

/** The chain that begins at an offset of the table. */
export function legacyChain(at: number): string {
  return `iptables-legacy ${at}`;
}

/** The chains of a table, by where they begin: user chains behind their names, PREROUTING from `first` to its policy. */
export function legacyNatChains(family: Family, table: Buffer, first: number, policy: number): Map<string, NatRule[]> {
  const chains = new Map<string, NatRule[]>();
  let rules: NatRule[] = [];
  const begin = (at: number): void => {
    rules = [];
    chains.set(legacyChain(at), rules);
  };
  for (const entry of entriesOf(family, table)) {
    if (entry.at === first) begin(first);
    if (chainAt(table, entry) !== undefined) begin(entry.end);
    else rules.push(ruleOf(family, table, entry));
    // Those of other hooks follow.
    if (entry.at === policy) rules = [];
  }
  // Nobody but a chain's beginning is jumped to, as all tools write tables.
  const isKnown = ({ does }: NatRule) => typeof does === 'string' || chains.has(does.leadsTo);
  for (const [chain, all] of chains) {
    if (!all.every(isKnown)) chains.set(chain, [{ asks: [], does: 'something' }]);
  }
  return chains;
}

function ruleOf(family: Family, table: Buffer, entry: Entry): NatRule {
  const matches = matchesOf(family, table, entry);
  const asks = [...headAsks(family, table.subarray(entry.at)), ...matches.flatMap(matchAsks)];
  const isLooking = matches.every(({ name }) => LOOKING.has(name));
  const does = doesOf(targetOf(table, entry), entry.end);
  return { asks, does: isLooking ? does : 'something' };
}

function doesOf({ name, data }: Extension, next: number): NatRule['does'] {
  if (name !== '') return 'something';
  const verdict = data.readInt32LE(0);
  if (verdict < 0) return PASSING.includes(verdict) ? 'nothing' : 'something';
  return verdict === next ? 'nothing' : { leadsTo: legacyChain(verdict) };
}

function headAsks(family: Family, head: Buffer): NatConditions {
  const at = HEAD[family];
  const inverted = head.readUInt8(at.inverted);
  const is = (bit: number): boolean => (inverted & bit) !== 0;
  const size = ADDRESS_BYTES[family];
  const address = (place: number) => bigEndian(head.subarray(place * size, (place + 1) * size));
  // Of IPv6, 0 asks for nothing but a header that can be read.
  const protocol = head.readUInt16LE(at.protocol);
  const mask = head.subarray(at.deviceMask, at.deviceMask + NAME_SIZE);
  const compared = mask.indexOf(0) === -1 ? NAME_SIZE : mask.indexOf(0);
  const device = head.toString('latin1', at.device, at.device + compared);
  const name = device.replace(/\0.*$/s, '');
  return [
    ...asksMasked(family, 'src', address(0), address(2), is(INVERTED.source)),
    ...asksMasked(family, 'dst', address(1), address(3), is(INVERTED.destination)),
    ...(compared === 0 ? [] : asksDevice(name, name.length === device.length, is(INVERTED.device))),
    ...(protocol === 0 ? [] : asksNumber('protocol', [{ low: protocol, high: protocol }], is(INVERTED.protocol))),
  ];
}

/** What a match of iptables asks of ports. */
export function matchAsks({ name, revision, data }: Extension): NatConditions {
  if (name === 'multiport') return revision === MULTIPORT.revision ? multiportAsks(data) : [];
  if (name !== 'tcp' && name !== 'udp') return [];
  const inverted = data.readUInt8(PORTS.inverted[name]);
  const range = (field: 'sport' | 'dport', at: number, bit: number) => {
    const [low, high] = [data.readUInt16LE(at), data.readUInt16LE(at + 2)];
    return asksNumber(field, low <= high ? [{ low, high }] : [], (inverted & bit) !== 0);
  };
  return [...range('sport', PORTS.source, INVERTED_SOURCE), ...range('dport', PORTS.destination, INVERTED_DESTINATION)];
}

/** Nothing where either port may be one of them. */
function multiportAsks(data: Buffer): NatConditions {
  const field = MULTIPORT_FIELDS[data.readUInt8(MULTIPORT.which)];
  if (field === undefined || data.length < MULTIPORT.size) return [];
  const port = (i: number) => data.readUInt16LE(MULTIPORT.ports + 2 * i);
  const ports: { low: number; high: number }[] = [];
  for (let i = 0; i < data.readUInt8(MULTIPORT.count); i++) {
    const low = port(i);
    if (data.readUInt8(MULTIPORT.ranges + i) !== 0) i++;
    ports.push({ low, high: port(i) });
  }
  return asksNumber(field, normalize(ports), data.readUInt8(MULTIPORT.inverted) !== 0);
}

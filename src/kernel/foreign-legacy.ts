// What tables of iptables-legacy ask of packets before the filter table does.
//
// Of raw and mangle each rule counts, so whatever a rule applies to matters, and what behind it becomes of that does not. NAT's
// counters are left out (COMPATIBILITY.md), so only rules that may do more matter there.
//
// Layouts of include/uapi/linux/netfilter_ipv4/ip_tables.h (`struct ipt_ip`), .../netfilter_ipv6/ip6_tables.h (`struct
// ip6t_ip6`), .../netfilter/xt_tcpudp.h, xt_multiport.h and xt_CT.h. iptables-nft's rules have the same matches.

import type { Family } from '../base/family.ts';
import {
  ADDRESS_BYTES,
  asksDevice,
  asksFlags,
  asksMasked,
  asksNumber,
  bigEndian,
  type ForeignConditions,
  type ForeignRule,
  type LegacyTable,
} from '../base/foreign-rules.ts';
import { normalize } from '../base/intervals.ts';
import type { HookPoint } from './conntrack.ts';
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
const [INVERTED_SOURCE, INVERTED_DESTINATION, INVERTED_FLAGS] = [1, 2, 4];
/** Of `struct xt_tcp` alone. */
const FLAGS = { mask: 9, value: 10 } as const;
/** `struct xt_multiport_v1`: which port, how many ports there are, the ports, which are the first of a range, whether inverted. */
const MULTIPORT = { revision: 1, which: 0, count: 1, ports: 2, ranges: 32, inverted: 47, size: 48 } as const;
const MULTIPORT_FIELDS = ['sport', 'dport'] as const;
/** What a standard target says: RETURN and ACCEPT, as it stores them. */
const PASSING: readonly number[] = [-5, -2];

/** Matches that only look at packets, and let all others go on. */
export const LOOKING: ReadonlySet<string> = new Set([
  ...['addrtype', 'ah', 'comment', 'connmark', 'conntrack', 'devgroup', 'dscp', 'dst', 'ecn', 'esp', 'eui64', 'frag'],
  ...['hbh', 'hl', 'icmp', 'icmp6', 'iprange', 'ipv6header', 'length', 'mac', 'mark', 'multiport', 'owner', 'physdev'],
  ...['pkttype', 'policy', 'realm', 'rt', 'sctp', 'state', 'tcp', 'tos', 'ttl', 'u32', 'udp'],
]);

/** What names the chain that begins at an offset of a table. */
export function legacyChain(name: LegacyTable, at: number): string {
  return `${name} ${at}`;
}

/**
 * The chains of a table, by what names them: user chains, which begin behind their names, and those of hooks that packets
 * enter, which end with their policies.
 */
export function legacyChains(
  family: Family,
  name: LegacyTable,
  table: Buffer,
  hooks: readonly HookPoint[],
): Map<string, ForeignRule[]> {
  const firsts = new Set(hooks.map(({ first }) => first));
  const policies = new Set(hooks.map(({ policy }) => policy));
  const chains = new Map<string, ForeignRule[]>();
  let rules: ForeignRule[] = [];
  const begin = (at: number): void => {
    rules = [];
    chains.set(legacyChain(name, at), rules);
  };
  for (const entry of entriesOf(family, table)) {
    if (firsts.has(entry.at)) begin(entry.at);
    const isPolicy = policies.has(entry.at);
    if (chainAt(table, entry) !== undefined) begin(entry.end);
    else rules.push(ruleOf(family, name, table, entry, isPolicy));
    // Those of other hooks follow.
    if (isPolicy) rules = [];
  }
  // Nobody but a chain's beginning is jumped to, as all tools write tables.
  const isKnown = ({ does }: ForeignRule) => typeof does === 'string' || chains.has(does.leadsTo);
  for (const [chain, all] of chains) {
    if (!all.every(isKnown)) chains.set(chain, [{ asks: [], does: 'something' }]);
  }
  return chains;
}

function ruleOf(family: Family, name: LegacyTable, table: Buffer, entry: Entry, isPolicy: boolean): ForeignRule {
  const asks = [...headAsks(family, table.subarray(entry.at))];
  for (const match of matchesOf(family, table, entry)) {
    // What is asked behind a match that does something comes too late.
    if (!LOOKING.has(match.name)) return { asks, does: 'something' };
    asks.push(...matchAsks(match));
  }
  const counts = name !== 'nat' && !isPolicy;
  return { asks, does: counts ? 'something' : doesOf(name, targetOf(table, entry), entry.end) };
}

/** Whether a rule of a table assigns a helper, by which connections are expected. */
export function assignsHelper(family: Family, table: Buffer): boolean {
  return entriesOf(family, table).some((entry) => isHelper(targetOf(table, entry)));
}

/** `struct xt_ct_target_info`, and `struct xt_ct_target_info_v1`, have the helper's name at the same place. */
export function isHelper({ name, data }: Pick<Extension, 'name' | 'data'>): boolean {
  const HELPER = 12;
  return name === 'CT' && data.readUInt8(HELPER) !== 0;
}

function doesOf(table: LegacyTable, { name, data }: Extension, next: number): ForeignRule['does'] {
  if (name !== '') return 'something';
  const verdict = data.readInt32LE(0);
  if (verdict < 0) return PASSING.includes(verdict) ? 'nothing' : 'something';
  return verdict === next ? 'nothing' : { leadsTo: legacyChain(table, verdict) };
}

function headAsks(family: Family, head: Buffer): ForeignConditions {
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

/** What a match of iptables asks of ports, and of the flags of TCP. */
export function matchAsks({ name, revision, data }: Extension): ForeignConditions {
  if (name === 'multiport') return revision === MULTIPORT.revision ? multiportAsks(data) : [];
  if (name !== 'tcp' && name !== 'udp') return [];
  const inverted = data.readUInt8(PORTS.inverted[name]);
  const range = (field: 'sport' | 'dport', at: number, bit: number) => {
    const [low, high] = [data.readUInt16LE(at), data.readUInt16LE(at + 2)];
    return asksNumber(field, low <= high ? [{ low, high }] : [], (inverted & bit) !== 0);
  };
  const ports = [
    ...range('sport', PORTS.source, INVERTED_SOURCE),
    ...range('dport', PORTS.destination, INVERTED_DESTINATION),
  ];
  if (name === 'udp') return ports;
  const [mask, value] = [data.readUInt8(FLAGS.mask), data.readUInt8(FLAGS.value)];
  return mask === 0 ? ports : [...ports, ...asksFlags(mask, value, (inverted & INVERTED_FLAGS) !== 0)];
}

/** Nothing where either port may be one of them. */
function multiportAsks(data: Buffer): ForeignConditions {
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

// What iptables-legacy's table nat asks of packets at PREROUTING.
//
// Layouts of include/uapi/linux/netfilter_ipv4/ip_tables.h (`struct ipt_ip`) and .../netfilter/xt_tcpudp.h.

import { asksAddress, asksDevice, asksNumber, type NatConditions, type NatRule } from '../base/nat.ts';
import { chainAt, type Entry, type Extension, entriesOf, matchesOf, targetOf } from './xtables-blob.ts';

/** `struct ipt_ip`: addresses and masks in network order, names and masks of devices, protocol, what is inverted. */
const IP = { source: 0, destination: 4, sourceMask: 8, destinationMask: 12, device: 16, deviceMask: 48, protocol: 80 };
const INVERTED = { at: 83, device: 0x01, source: 0x08, destination: 0x10, protocol: 0x40 } as const;
const NAME_SIZE = 16;
/** `struct xt_tcp`, `struct xt_udp`: ranges of ports, and which of them are inverted, of either in the same bits. */
const PORTS = { source: 0, destination: 4, inverted: { tcp: 11, udp: 8 } } as const;
const [INVERTED_SOURCE, INVERTED_DESTINATION] = [1, 2];
/** What a standard target says: RETURN and ACCEPT, as it stores them; other negative numbers are no part of NAT. */
const PASSING: readonly number[] = [-5, -2];

/** Matches that only look at packets. */
export const LOOKING: ReadonlySet<string> = new Set([
  ...['addrtype', 'comment', 'connmark', 'conntrack', 'devgroup', 'dscp', 'ecn', 'esp', 'icmp', 'iprange', 'length'],
  ...['mac', 'mark', 'multiport', 'owner', 'physdev', 'pkttype', 'policy', 'realm', 'sctp', 'state', 'tcp', 'tcpmss'],
  ...['tos', 'ttl', 'u32', 'udp'],
]);

/** The chain that begins at an offset of the table. */
export function legacyChain(at: number): string {
  return `iptables-legacy ${at}`;
}

/** The chains of a table, by where they begin: user chains behind their names, PREROUTING from `first` to its policy. */
export function legacyNatChains(table: Buffer, first: number, policy: number): Map<string, NatRule[]> {
  const chains = new Map<string, NatRule[]>();
  let rules: NatRule[] = [];
  const begin = (at: number): void => {
    rules = [];
    chains.set(legacyChain(at), rules);
  };
  for (const entry of entriesOf('ipv4', table)) {
    if (entry.at === first) begin(first);
    if (chainAt(table, entry) !== undefined) begin(entry.end);
    else rules.push(ruleOf(table, entry));
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

function ruleOf(table: Buffer, entry: Entry): NatRule {
  const matches = matchesOf('ipv4', table, entry);
  const asks = [...headAsks(table.subarray(entry.at)), ...matches.flatMap(matchAsks)];
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

function headAsks(head: Buffer): NatConditions {
  const inverted = head.readUInt8(INVERTED.at);
  const is = (bit: number): boolean => (inverted & bit) !== 0;
  const address = (at: number) => head.readUInt32BE(at);
  const protocol = head.readUInt16LE(IP.protocol);
  const mask = head.subarray(IP.deviceMask, IP.deviceMask + NAME_SIZE);
  const compared = mask.indexOf(0) === -1 ? NAME_SIZE : mask.indexOf(0);
  const device = head.toString('latin1', IP.device, IP.device + compared);
  const name = device.replace(/\0.*$/s, '');
  return [
    ...asksAddress('src', address(IP.source), address(IP.sourceMask), is(INVERTED.source)),
    ...asksAddress('dst', address(IP.destination), address(IP.destinationMask), is(INVERTED.destination)),
    ...(compared === 0 ? [] : asksDevice(name, name.length === device.length, is(INVERTED.device))),
    ...(protocol === 0 ? [] : asksNumber('protocol', protocol, protocol, is(INVERTED.protocol))),
  ];
}

function matchAsks({ name, data }: Extension): NatConditions {
  if (name !== 'tcp' && name !== 'udp') return [];
  const inverted = data.readUInt8(PORTS.inverted[name]);
  const range = (field: 'sport' | 'dport', at: number, bit: number) =>
    asksNumber(field, data.readUInt16LE(at), data.readUInt16LE(at + 2), (inverted & bit) !== 0);
  return [...range('sport', PORTS.source, INVERTED_SOURCE), ...range('dport', PORTS.destination, INVERTED_DESTINATION)];
}

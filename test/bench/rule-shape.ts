// Rules and packets as plain numbers: what the generators of rulesets and of traffic speak of.
//
// A shape knows what its rule asks of a packet, so that packets can be made to fit it; whether they do, the reference
// interpreter says, and never the shape.

import type { Family } from '../../src/base/family.ts';
import type { FilterChain } from '../../src/base/hooks.ts';
import { formatAddress, prefixMask } from '../../src/base/ipv4.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { buildPacket, type Transport, transportHeaderLength } from '../harness/packet-builder.ts';
import type { Choice } from '../harness/random.ts';

/** `A` is an address: unsigned 32 bits, or 128 as a bigint. */
export interface PrefixOf<A> {
  /** Host bits zero. */
  readonly value: A;
  /** As far as the address reaches; 0 asks for nothing. */
  readonly length: number;
}
export type Prefix = PrefixOf<number>;

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

export const ANY_ADDRESS: Prefix = { value: 0, length: 0 };
export const ANY_PORT: PortRange = { low: 0, high: 0xffff };

export interface RuleShapeOf<A> {
  readonly source: PrefixOf<A>;
  readonly destination: PrefixOf<A>;
  /** Absent for all protocols; ports, flags and ICMP types are asked for by rules of a protocol only. */
  readonly protocol?: 'tcp' | 'udp' | 'icmp' | number;
  readonly sport: PortRange;
  readonly dport: PortRange;
  readonly flags?: { readonly mask: readonly TcpFlag[]; readonly set: readonly TcpFlag[] };
  readonly icmpType?: number;
  /** A device that no packet of a bench comes in by: such a rule costs its test and is never hit. */
  readonly inDevice?: string;
  readonly verdict: 'ACCEPT' | 'DROP';
}
export type RuleShape = RuleShapeOf<number>;

/** Bits of the TCP flags byte, RFC 9293 section 3.1. */
const TCP_FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 } as const;
export type TcpFlag = keyof typeof TCP_FLAG;

/** What a packet is told apart by. */
export interface FlowOf<A> {
  readonly source: A;
  readonly destination: A;
  readonly protocol: number;
  readonly sport: number;
  readonly dport: number;
  readonly flags: number;
  readonly icmpType: number;
}
export type Flow = FlowOf<number>;

type Devices = Pick<HookPacket, 'inDevice' | 'outDevice'>;

/** What rules and packets of a family are made with. */
export interface AddressFamily<A> {
  readonly family: Family;
  /** Asks for nothing. */
  readonly any: PrefixOf<A>;
  /** The protocol number of the family's ICMP. */
  readonly icmp: number;
  /** Bytes of every packet, from its IP header on. */
  readonly packetLength: number;
  format(address: A): string;
  /** The part of an address that the prefix fixes. */
  prefixOf(address: A, length: number): PrefixOf<A>;
  /** An address inside the prefix that a packet may come from or go to. */
  addressIn(choice: Choice, prefix: PrefixOf<A>): A;
  packetOf(flow: FlowOf<A>, hook: FilterChain, devices: Devices): HookPacket;
  /** Source and destination. */
  addressesOf(packet: Uint8Array): readonly [source: A, destination: A];
}

/** A rule as iptables-save prints it. */
export function formatRule(chain: FilterChain, rule: RuleShape): string {
  return formatRuleOf(IPV4, chain, rule);
}

/** A rule as iptables-save or ip6tables-save prints it. */
export function formatRuleOf<A>({ format }: AddressFamily<A>, chain: FilterChain, rule: RuleShapeOf<A>): string {
  const { source, destination, inDevice, protocol, sport, dport, flags, icmpType, verdict } = rule;
  const words = [
    ...prefixWords('-s', source, format),
    ...prefixWords('-d', destination, format),
    ...(inDevice === undefined ? [] : ['-i', inDevice]),
    ...(protocol === undefined ? [] : ['-p', `${protocol}`]),
  ];
  const match = [...portWords('--sport', sport), ...portWords('--dport', dport)];
  if (flags !== undefined) match.push('--tcp-flags', flags.mask.join(), flags.set.join() || 'NONE');
  if (icmpType !== undefined) match.push('--icmp-type', `${icmpType}`);
  if (match.length > 0) words.push('-m', `${protocol}`, ...match);
  return ['-A', chain, ...words, '-j', verdict].join(' ');
}

function prefixWords<A>(option: string, { value, length }: PrefixOf<A>, format: (address: A) => string): string[] {
  return length === 0 ? [] : [option, `${format(value)}/${length}`];
}

function portWords(option: string, { low, high }: PortRange): string[] {
  if (low === 0 && high === 0xffff) return [];
  return [option, low === high ? `${low}` : `${low}:${high}`];
}

/** The part of an address that the prefix fixes. */
export function prefixOf(address: number, length: number): Prefix {
  return { value: (address & prefixMask(length)) >>> 0, length };
}

/** An address inside the prefix that a packet may come from or go to: unicast, and not of this network (RFC 6890). */
export function addressIn(choice: Choice, { value, length }: Prefix): number {
  for (;;) {
    const address = (value | (choice.word() & ~prefixMask(length))) >>> 0;
    const first = address >>> 24;
    if (first > 0 && first !== 127 && first < 224) return address;
  }
}

/** A flow that has what the rule asks for, and else anything. */
export function flowInside<A>({ icmp, addressIn }: AddressFamily<A>, choice: Choice, rule: RuleShapeOf<A>): FlowOf<A> {
  const { source, destination, protocol, sport, dport, flags, icmpType } = rule;
  const anyProtocol = choice.weighted([
    [6, 6],
    [3, 17],
    [1, icmp],
  ]);
  const anyFlags = choice.chance(0.2) ? TCP_FLAG.SYN : TCP_FLAG.ACK;
  return {
    source: addressIn(choice, source),
    destination: addressIn(choice, destination),
    protocol: protocol === undefined ? anyProtocol : protocolNumber(protocol),
    sport: choice.integer(sport.low, sport.high),
    dport: choice.integer(dport.low, dport.high),
    flags: flags === undefined ? anyFlags : (anyFlags & ~bits(flags.mask)) | bits(flags.set),
    icmpType: icmpType ?? choice.pick([0, 3, 8, 11]),
  };
}

function protocolNumber(protocol: NonNullable<RuleShape['protocol']>): number {
  return typeof protocol === 'number' ? protocol : { icmp: 1, tcp: 6, udp: 17 }[protocol];
}

function bits(flags: readonly TcpFlag[]): number {
  return flags.reduce((sum, flag) => sum | TCP_FLAG[flag], 0);
}

/** Bytes of every frame of a bench: a cache line. */
export const FRAME_BYTES = 64;

/** Bytes of every packet, from its IPv4 header on: without the Ethernet header. */
export const PACKET_LENGTH = FRAME_BYTES - 14;

/** The packet of a flow as it arrives at a hook. */
export function packetOf(flow: Flow, hook: FilterChain, devices: Devices): HookPacket {
  const transport = transportOf(flow, IPV4.icmp);
  const payload = new Uint8Array(PACKET_LENGTH - 20 - transportHeaderLength(transport));
  const { source, destination } = flow;
  return { hook, ...devices, bytes: buildPacket({ source, destination, transport, payload, dontFragment: true }) };
}

/** What is behind the IP header of a flow's packet; `icmp` is the protocol number of its family's ICMP. */
export function transportOf<A>({ protocol, sport, dport, flags, icmpType }: FlowOf<A>, icmp: number): Transport {
  switch (protocol) {
    case icmp:
      return { kind: 'icmp', type: icmpType, code: 0 };
    case 6:
      return { kind: 'tcp', sport, dport, flags };
    case 17:
      return { kind: 'udp', sport, dport };
    default:
      return { kind: 'other', protocol };
  }
}

export const IPV4: AddressFamily<number> = {
  family: 'ipv4',
  any: ANY_ADDRESS,
  icmp: 1,
  packetLength: PACKET_LENGTH,
  format: formatAddress,
  prefixOf,
  addressIn,
  packetOf,
  addressesOf: (packet) => {
    const view = new DataView(packet.buffer, packet.byteOffset);
    return [view.getUint32(12), view.getUint32(16)];
  },
};

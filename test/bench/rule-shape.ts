// Rules and packets as plain numbers: what the generators of rulesets and of traffic speak of.
//
// A shape knows what its rule asks of a packet, so that packets can be made to fit it; whether they do, the reference
// interpreter says, and never the shape.

import type { FilterChain } from '../../src/base/hooks.ts';
import { formatAddress, prefixMask } from '../../src/base/ipv4.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { buildPacket, type Transport, transportHeaderLength } from '../harness/packet-builder.ts';
import type { Choice } from '../harness/random.ts';

export interface Prefix {
  /** Unsigned 32 bits, host bits zero. */
  readonly value: number;
  /** 0–32; 0 asks for nothing. */
  readonly length: number;
}

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

export const ANY_ADDRESS: Prefix = { value: 0, length: 0 };
export const ANY_PORT: PortRange = { low: 0, high: 0xffff };

export interface RuleShape {
  readonly source: Prefix;
  readonly destination: Prefix;
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

/** Bits of the TCP flags byte, RFC 9293 section 3.1. */
const TCP_FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 } as const;
export type TcpFlag = keyof typeof TCP_FLAG;

/** What a packet is told apart by. */
export interface Flow {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly sport: number;
  readonly dport: number;
  readonly flags: number;
  readonly icmpType: number;
}

/** A rule as iptables-save prints it. */
export function formatRule(chain: FilterChain, rule: RuleShape): string {
  const { source, destination, inDevice, protocol, sport, dport, flags, icmpType, verdict } = rule;
  const words = [
    ...prefixWords('-s', source),
    ...prefixWords('-d', destination),
    ...(inDevice === undefined ? [] : ['-i', inDevice]),
    ...(protocol === undefined ? [] : ['-p', `${protocol}`]),
  ];
  const match = [...portWords('--sport', sport), ...portWords('--dport', dport)];
  if (flags !== undefined) match.push('--tcp-flags', flags.mask.join(), flags.set.join() || 'NONE');
  if (icmpType !== undefined) match.push('--icmp-type', `${icmpType}`);
  if (match.length > 0) words.push('-m', `${protocol}`, ...match);
  return ['-A', chain, ...words, '-j', verdict].join(' ');
}

function prefixWords(option: string, { value, length }: Prefix): string[] {
  return length === 0 ? [] : [option, `${formatAddress(value)}/${length}`];
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
export function flowInside(choice: Choice, rule: RuleShape): Flow {
  const { source, destination, protocol, sport, dport, flags, icmpType } = rule;
  const anyProtocol = choice.weighted([
    [6, 6],
    [3, 17],
    [1, 1],
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
export function packetOf(
  flow: Flow,
  hook: FilterChain,
  devices: Pick<HookPacket, 'inDevice' | 'outDevice'>,
): HookPacket {
  const transport = transportOf(flow);
  const payload = new Uint8Array(PACKET_LENGTH - 20 - transportHeaderLength(transport));
  const { source, destination } = flow;
  return { hook, ...devices, bytes: buildPacket({ source, destination, transport, payload, dontFragment: true }) };
}

function transportOf({ protocol, sport, dport, flags, icmpType }: Flow): Transport {
  switch (protocol) {
    case 1:
      return { kind: 'icmp', type: icmpType, code: 0 };
    case 6:
      return { kind: 'tcp', sport, dport, flags };
    case 17:
      return { kind: 'udp', sport, dport };
    default:
      return { kind: 'other', protocol };
  }
}

// Builds IPv4 packets and Ethernet frames byte by byte, well formed or broken on purpose.
//
// Everything is deterministic: what is not said is zero, or what a plain packet has (ttl 64, good checksums).

import type { Family } from '../../src/base/family.ts';

/** Bits of the TCP flags byte, RFC 9293 section 3.1. */
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;

export type Transport =
  | {
      readonly kind: 'tcp';
      readonly sport: number;
      readonly dport: number;
      readonly flags: number;
      readonly sequence?: number;
      readonly acknowledgement?: number;
    }
  | { readonly kind: 'udp'; readonly sport: number; readonly dport: number }
  | { readonly kind: 'icmp'; readonly type: number; readonly code: number; readonly identifier?: number }
  /** Any other protocol: the payload begins right behind the IPv4 header. */
  | { readonly kind: 'other'; readonly protocol: number };

export interface PacketFields {
  /** Unsigned 32 bits, host order. */
  readonly source: number;
  readonly destination: number;
  readonly transport: Transport;
  /** Behind the transport header. */
  readonly payload?: Uint8Array;
  /** IPv4 options; a multiple of 4 bytes, at most 40. */
  readonly options?: Uint8Array;
  readonly tos?: number;
  readonly id?: number;
  readonly ttl?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In units of 8 bytes. A later fragment has no transport header: only its payload follows the IPv4 header. */
  readonly fragmentOffset?: number;
  /** Ends the packet so many bytes after the IPv4 header, and the length field says so. */
  readonly cut?: number;
}

/** The Internet checksum (RFC 1071) over the parts put end to end; all but the last have an even length. */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The IPv4 packet, from the first byte of its header to its end. */
export function buildPacket(fields: PacketFields): Uint8Array {
  const options = fields.options ?? new Uint8Array();
  const payload = fields.payload ?? new Uint8Array();
  const isLater = (fields.fragmentOffset ?? 0) > 0;
  const whole = isLater ? payload : transportBytes(fields.transport, payload, pseudoHeader(fields));
  const behind = fields.cut === undefined ? whole : whole.subarray(0, fields.cut);
  const headerLength = 20 + options.length;
  const packet = new Uint8Array(headerLength + behind.length);
  const data = new DataView(packet.buffer);
  packet[0] = 0x40 | (headerLength / 4);
  packet[1] = fields.tos ?? 0;
  data.setUint16(2, packet.length);
  data.setUint16(4, fields.id ?? 0);
  const flags = (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0);
  data.setUint16(6, flags | (fields.fragmentOffset ?? 0));
  packet[8] = fields.ttl ?? 64;
  packet[9] = protocolOf(fields.transport);
  data.setUint32(12, fields.source);
  data.setUint32(16, fields.destination);
  packet.set(options, 20);
  packet.set(behind, headerLength);
  fixHeaderChecksum(packet);
  return packet;
}

/** Writes the right IPv4 header checksum into the packet. */
export function fixHeaderChecksum(packet: Uint8Array): void {
  const headerLength = (packet[0]! & 15) * 4;
  packet.set([0, 0], 10);
  const checksum = internetChecksum(packet.subarray(0, headerLength));
  packet.set([checksum >> 8, checksum & 255], 10);
}

/** Writes the right TCP checksum into a packet without options that holds all of its bytes. */
export function fixTcpChecksum(packet: Uint8Array): void {
  const tcp = packet.subarray(20);
  tcp.set([0, 0], 16);
  const ends = Uint8Array.of(...packet.subarray(12, 20), 0, 6, tcp.length >> 8, tcp.length & 255);
  const checksum = internetChecksum(ends, tcp);
  tcp.set([checksum >> 8, checksum & 255], 16);
}

/** The protocol number of a transport. */
function protocolOf(transport: Transport): number {
  return transport.kind === 'other' ? transport.protocol : { icmp: 1, tcp: 6, udp: 17 }[transport.kind];
}

/** Bytes that a whole transport header has. */
export function transportHeaderLength(transport: Transport): number {
  return { tcp: 20, udp: 8, icmp: 8, other: 0 }[transport.kind];
}

/**
 * A transport header and what stands behind it. `pseudoHeader` is what checksums begin with, for a length in bytes; ICMP
 * of IPv4 has none.
 */
export function transportBytes(
  transport: Transport,
  payload: Uint8Array,
  pseudoHeader: (length: number, forIcmp: boolean) => Uint8Array,
): Uint8Array {
  const headerLength = transportHeaderLength(transport);
  const bytes = new Uint8Array(headerLength + payload.length);
  const data = new DataView(bytes.buffer);
  bytes.set(payload, headerLength);
  switch (transport.kind) {
    case 'tcp':
      data.setUint16(0, transport.sport);
      data.setUint16(2, transport.dport);
      data.setUint32(4, transport.sequence ?? 0);
      data.setUint32(8, transport.acknowledgement ?? 0);
      bytes[12] = 5 << 4;
      bytes[13] = transport.flags;
      data.setUint16(14, 0xffff);
      data.setUint16(16, internetChecksum(pseudoHeader(bytes.length, false), bytes));
      break;
    case 'udp': {
      data.setUint16(0, transport.sport);
      data.setUint16(2, transport.dport);
      data.setUint16(4, bytes.length);
      const checksum = internetChecksum(pseudoHeader(bytes.length, false), bytes);
      data.setUint16(6, checksum === 0 ? 0xffff : checksum);
      break;
    }
    case 'icmp':
      bytes[0] = transport.type;
      bytes[1] = transport.code;
      data.setUint16(4, transport.identifier ?? 0);
      data.setUint16(2, internetChecksum(pseudoHeader(bytes.length, true), bytes));
      break;
    case 'other':
      break;
  }
  return bytes;
}

function pseudoHeader(fields: PacketFields): (length: number, forIcmp: boolean) => Uint8Array {
  return (length, forIcmp) => {
    if (forIcmp) return new Uint8Array();
    const bytes = new Uint8Array(12);
    const data = new DataView(bytes.buffer);
    data.setUint32(0, fields.source);
    data.setUint32(4, fields.destination);
    bytes[9] = protocolOf(fields.transport);
    data.setUint16(10, length);
    return bytes;
  };
}

/** Splits a whole packet into fragments with at most `size` bytes behind each header; `size` is a multiple of 8. */
export function fragmentPacket(packet: Uint8Array, size: number): Uint8Array[] {
  const headerLength = (packet[0]! & 15) * 4;
  const behind = packet.subarray(headerLength);
  const fragments: Uint8Array[] = [];
  for (let start = 0; start < behind.length; start += size) {
    const part = behind.subarray(start, start + size);
    const fragment = new Uint8Array(headerLength + part.length);
    fragment.set(packet.subarray(0, headerLength));
    fragment.set(part, headerLength);
    const data = new DataView(fragment.buffer);
    data.setUint16(2, fragment.length);
    data.setUint16(6, (start + size < behind.length ? 0x2000 : 0) | (start / 8));
    fixHeaderChecksum(fragment);
    fragments.push(fragment);
  }
  return fragments;
}

/** ETH_P_IP and ETH_P_IPV6. */
export const ETHERTYPE: Readonly<Record<Family, number>> = { ipv4: 0x0800, ipv6: 0x86dd };

export interface FrameOptions {
  /** Six bytes each. */
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** IPv4 if absent. */
  readonly etherType?: number;
  /** Bytes behind the packet that no length field knows, such as Ethernet padding. */
  readonly trailer?: Uint8Array;
}

/** An Ethernet II frame without frame check sequence. */
export function buildFrame(packet: Uint8Array, options: FrameOptions): Uint8Array {
  const trailer = options.trailer ?? new Uint8Array();
  const etherType = options.etherType ?? ETHERTYPE.ipv4;
  const frame = new Uint8Array(14 + packet.length + trailer.length);
  frame.set(options.destination, 0);
  frame.set(options.source, 6);
  frame.set([etherType >> 8, etherType & 255], 12);
  frame.set(packet, 14);
  frame.set(trailer, 14 + packet.length);
  return frame;
}

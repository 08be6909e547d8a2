// Builds IPv6 packets byte by byte, well formed or broken on purpose, with any chain of extension headers.
//
// Everything is deterministic: what is not said is zero, or what a plain packet has (hop limit 64, good checksums).

import type { Family } from '../../src/base/family.ts';
import { type Transport, transportBytes } from './packet-builder.ts';

/** `units` is the header's own length byte: 8 bytes each behind the first 8, 4 each behind 8 for authentication. */
export type ExtensionHeader =
  | { readonly kind: 'hop' | 'rt' | 'dst' | 'ah'; readonly units: number }
  | { readonly kind: 'frag'; readonly offset: number; readonly more: boolean };

/** Next-header number of each kind (RFC 8200, section 4). */
export const EXTENSION_NUMBER = { hop: 0, rt: 43, frag: 44, ah: 51, dst: 60 } as const;

export interface Ipv6Fields {
  readonly source: bigint;
  readonly destination: bigint;
  /** `icmp` is ICMPv6. */
  readonly transport: Transport;
  readonly headers?: readonly ExtensionHeader[];
  /** Behind the transport header. */
  readonly payload?: Uint8Array;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  /** Ends the packet so many bytes after the fixed header, and the length field says so. */
  readonly cut?: number;
}

/** The IPv6 packet, from the first byte of its header to its end. */
export function buildIpv6Packet(fields: Ipv6Fields): Uint8Array {
  const { headers = [], transport, payload = new Uint8Array(), trafficClass = 0 } = fields;
  const protocol = ipv6Protocol(transport);
  const numbers = headers.map(({ kind }) => EXTENSION_NUMBER[kind]);
  const chain = headers.map((header, i) => extensionBytes(header, numbers[i + 1] ?? protocol));
  const isLater = headers.some((header) => header.kind === 'frag' && header.offset > 0);
  const end = isLater ? payload : transportBytes(transport, payload, pseudoHeader(fields, protocol));
  const whole = Buffer.concat([...chain, end]);
  const behind = fields.cut === undefined ? whole : whole.subarray(0, fields.cut);
  const packet = new Uint8Array(40 + behind.length);
  const data = new DataView(packet.buffer);
  data.setUint32(0, (0x60000000 | (trafficClass << 20)) >>> 0);
  data.setUint16(4, behind.length);
  packet[6] = numbers[0] ?? protocol;
  packet[7] = fields.hopLimit ?? 64;
  setAddress(packet, 8, fields.source);
  setAddress(packet, 24, fields.destination);
  packet.set(behind, 40);
  return packet;
}

export function ipv6Protocol(transport: Transport): number {
  return transport.kind === 'other' ? transport.protocol : { icmp: 58, tcp: 6, udp: 17 }[transport.kind];
}

/** Writes an address into a packet. */
export function setAddress(packet: Uint8Array, at: number, address: bigint): void {
  const data = new DataView(packet.buffer, packet.byteOffset);
  data.setBigUint64(at, address >> 64n);
  data.setBigUint64(at + 8, BigInt.asUintN(64, address));
}

function extensionBytes(header: ExtensionHeader, next: number): Uint8Array {
  if (header.kind === 'frag') {
    const word = (header.offset << 3) | (header.more ? 1 : 0);
    return Uint8Array.of(next, 0, word >> 8, word & 255, 0, 0, 0, 1);
  }
  const { kind, units } = header;
  const bytes = new Uint8Array(kind === 'ah' ? 4 * (units + 2) : 8 * (units + 1));
  bytes[0] = next;
  bytes[1] = units;
  // One option that nobody knows and that is to be skipped (RFC 8200, section 4.2), as long as the header, or nearly.
  if (kind === 'hop' || kind === 'dst') bytes.set([0x1e, Math.min(bytes.length - 4, 255)], 2);
  return bytes;
}

function pseudoHeader({ source, destination }: Ipv6Fields, protocol: number): (length: number) => Uint8Array {
  return (length) => {
    const bytes = new Uint8Array(40);
    setAddress(bytes, 0, source);
    setAddress(bytes, 16, destination);
    new DataView(bytes.buffer).setUint32(32, length);
    bytes[39] = protocol;
    return bytes;
  };
}

/** The number of the fragment header is not among them: it ends the walk of these. */
const WALKED: readonly number[] = [
  EXTENSION_NUMBER.hop,
  EXTENSION_NUMBER.rt,
  EXTENSION_NUMBER.dst,
  EXTENSION_NUMBER.ah,
];

export function hasFragmentHeader(packet: Uint8Array): boolean {
  return fragmentHeader(packet, 6) !== undefined;
}

/** Whether more fragments follow, of a packet of either family. */
export function hasMoreFragments(packet: Uint8Array, family: Family): boolean {
  if (family === 'ipv4') return (packet[6]! & 0x20) !== 0;
  const at = fragmentHeader(packet, 6);
  return at !== undefined && (packet[at + 3]! & 1) !== 0;
}

/** The packet with fragment headers that say it is whole. */
export function unfragmented(packet: Uint8Array): Uint8Array {
  const bytes = packet.slice();
  for (let at = fragmentHeader(bytes, 6); at !== undefined; at = fragmentHeader(bytes, at))
    bytes.fill(0, at + 2, at + 4);
  return bytes;
}

/** Where the next fragment header begins behind the header whose number of the next one is at `from`. */
function fragmentHeader(packet: Uint8Array, from: number): number | undefined {
  let next = packet[from]!;
  let at = from === 6 ? 40 : from + 8;
  while (WALKED.includes(next) && at + 2 <= packet.length) {
    const length = next === EXTENSION_NUMBER.ah ? 4 * (packet[at + 1]! + 2) : 8 * (packet[at + 1]! + 1);
    next = packet[at]!;
    at += length;
  }
  return next === EXTENSION_NUMBER.frag ? at : undefined;
}

/**
 * Splits a packet into fragments with at most `size` bytes behind each fragment header, right behind the fixed header;
 * `size` is a multiple of 8. Equal packets have the same identification.
 */
export function fragmentIpv6Packet(packet: Uint8Array, size: number): Uint8Array[] {
  const behind = packet.subarray(40);
  const identification = packet.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
  const fragments: Uint8Array[] = [];
  for (let start = 0; start < behind.length; start += size) {
    const part = behind.subarray(start, start + size);
    const fragment = new Uint8Array(48 + part.length);
    fragment.set(packet.subarray(0, 40));
    fragment[6] = EXTENSION_NUMBER.frag;
    fragment[40] = packet[6]!;
    fragment.set(part, 48);
    const data = new DataView(fragment.buffer);
    data.setUint16(4, fragment.length - 40);
    data.setUint16(42, start | (start + size < behind.length ? 1 : 0));
    data.setUint32(44, identification);
    fragments.push(fragment);
  }
  return fragments;
}

// A packet as the filter table sees it, for the reference interpreter and for tests. The compiler does not use it.

import type { Address } from './address.ts';
import type { PacketConnection } from './connection.ts';
import type { Family } from './family.ts';
import type { FilterChain } from './hooks.ts';
import { walkHeaders } from './ipv6-headers.ts';

/** What arrives at a hook: the bytes from the IP header on, and where they come from and go to. */
export interface HookPacket {
  /** Which family's rules see it, whatever version its first byte says; IPv4 if absent. */
  readonly family?: Family;
  readonly hook: FilterChain;
  /** Name of the device it came in by, one character for each byte; empty at OUTPUT. */
  readonly inDevice: string;
  /** Name of the device it will leave by; empty at INPUT. */
  readonly outDevice: string;
  /** From the first byte of the IP header to the end of the packet, without link-layer padding (`skb->len`). */
  readonly bytes: Uint8Array;
  /** Absent where it belongs to no connection that is known: INVALID. */
  readonly connection?: PacketConnection;
}

/** What matches ask of a packet of either family. */
export interface PacketView {
  readonly packet: HookPacket;
  readonly family: Family;
  readonly source: Address;
  readonly destination: Address;
  /** IPv6: what the chain of extension headers ends in. */
  readonly protocol: number;
  /** In units of 8 bytes; 0 for a whole packet and for a first fragment. */
  readonly fragmentOffset: number;
  /** The chain of extension headers cannot be walked to its end (IPv6 only). */
  readonly malformed: boolean;
  /** Length that counters count, in bytes. */
  readonly length: number;
  /** Where the transport header begins, in bytes from the IP header; it may lie behind the packet's end. */
  readonly transportOffset: number;
  /** The first `size` bytes from there, or `undefined` where the packet ends before. */
  transport(size: number): DataView | undefined;
}

export function viewOf(packet: HookPacket): PacketView {
  return packet.family === 'ipv6' ? new Ipv6View(packet) : new Ipv4View(packet);
}

abstract class View {
  readonly packet: HookPacket;
  protected readonly data: DataView;

  constructor(packet: HookPacket) {
    this.packet = packet;
    this.data = new DataView(packet.bytes.buffer, packet.bytes.byteOffset, packet.bytes.byteLength);
  }

  abstract readonly transportOffset: number;

  get length(): number {
    return this.packet.bytes.length;
  }

  transport(size: number): DataView | undefined {
    const start = this.transportOffset;
    if (start + size > this.packet.bytes.length) return undefined;
    return new DataView(this.data.buffer, this.data.byteOffset + start, size);
  }
}

/** Reads IPv4 header fields (RFC 791) and the transport header behind them. */
export class Ipv4View extends View implements PacketView {
  readonly family = 'ipv4';
  readonly malformed = false;

  /** Header length in bytes, options included. */
  get transportOffset(): number {
    return (this.data.getUint8(0) & 15) * 4;
  }

  get protocol(): number {
    return this.data.getUint8(9);
  }

  get source(): number {
    return this.data.getUint32(12);
  }

  get destination(): number {
    return this.data.getUint32(16);
  }

  get fragmentOffset(): number {
    return this.data.getUint16(6) & 0x1fff;
  }
}

/** Reads IPv6 header fields (RFC 8200) and what stands behind the extension headers. */
export class Ipv6View extends View implements PacketView {
  readonly family = 'ipv6';
  readonly protocol: number;
  readonly fragmentOffset: number;
  readonly malformed: boolean;
  readonly transportOffset: number;

  constructor(packet: HookPacket) {
    super(packet);
    const { protocol, fragmentOffset, transportOffset, malformed } = walkHeaders(packet.bytes);
    this.protocol = protocol;
    this.fragmentOffset = fragmentOffset;
    this.transportOffset = transportOffset;
    this.malformed = malformed;
  }

  get source(): bigint {
    return this.address(8);
  }

  get destination(): bigint {
    return this.address(24);
  }

  private address(offset: number): bigint {
    return (this.data.getBigUint64(offset) << 64n) | this.data.getBigUint64(offset + 8);
  }
}

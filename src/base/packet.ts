// A packet as the filter table sees it, for the reference interpreter and for tests. The compiler does not use it.

import type { FilterChain } from './hooks.ts';

/** What arrives at a hook: the bytes from the IPv4 header on, and where they come from and go to. */
export interface HookPacket {
  readonly hook: FilterChain;
  /** Name of the device it came in by; empty at OUTPUT. */
  readonly inDevice: string;
  /** Name of the device it will leave by; empty at INPUT. */
  readonly outDevice: string;
  /** From the first byte of the IPv4 header to the end of the IP packet, without link-layer padding. */
  readonly bytes: Uint8Array;
}

/** Reads IPv4 header fields (RFC 791) and the transport header behind them. */
export class PacketView {
  readonly packet: HookPacket;
  private readonly data: DataView;

  constructor(packet: HookPacket) {
    this.packet = packet;
    this.data = new DataView(packet.bytes.buffer, packet.bytes.byteOffset, packet.bytes.byteLength);
  }

  /** Header length in bytes, options included. */
  get headerLength(): number {
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

  /** In units of 8 bytes. */
  get fragmentOffset(): number {
    return this.data.getUint16(6) & 0x1fff;
  }

  /** Length that counters count, in bytes. */
  get length(): number {
    return this.packet.bytes.length;
  }

  /** The first `size` bytes behind the IPv4 header, or `undefined` where the packet ends before. */
  transport(size: number): DataView | undefined {
    const start = this.headerLength;
    if (start + size > this.packet.bytes.length) return undefined;
    return new DataView(this.data.buffer, this.data.byteOffset + start, size);
  }
}

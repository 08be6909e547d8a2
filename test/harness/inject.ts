// Sends frames and packets into the network namespace that it is opened in, and receives what comes out.
//
// A socket belongs to the namespace that its maker's thread is in (`Namespace.enter`) and works from anywhere.
// All is synchronous: a batch of a few hundred frames takes about a millisecond.

import type { Family } from '../../src/base/family.ts';
import { systemCall, trySystemCall } from '../../src/kernel/syscall.ts';

// include/linux/socket.h, include/uapi/asm-generic/socket.h, include/uapi/linux/in.h
const AF_INET = 2;
const AF_INET6 = 10;
const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const IPPROTO_RAW = 255;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;
const MSG_DONTWAIT = 0x40;
const EPERM = 1;
const EAGAIN = 11;

/** Sends Ethernet frames out of any device of the namespace. */
export class FrameSender {
  private readonly socket = systemCall('open a packet socket', 'socket', AF_PACKET, SOCK_RAW_CLOEXEC, 0);
  private readonly address = Buffer.alloc(20);

  constructor() {
    this.address.writeUInt16LE(AF_PACKET, 0);
  }

  /** `device` is the index of the device to send by. */
  send(frame: Uint8Array, device: number): void {
    this.address.writeInt32LE(device, 4);
    systemCall('send a frame', 'sendto', this.socket, frame, frame.length, 0, this.address, this.address.length);
  }

  close(): void {
    systemCall('close a socket', 'close', this.socket);
  }
}

/** Receives all frames of one ethertype that come in by any device of the namespace. */
export class FrameReceiver {
  private readonly socket: number;
  private readonly buffer = Buffer.alloc(65536);

  /** Waits at most `seconds` for a frame; with `device`, an index, for one that comes in by that. */
  constructor(etherType: number, seconds: number, device?: number) {
    const swapped = ((etherType & 255) << 8) | (etherType >> 8);
    this.socket = systemCall('open a packet socket', 'socket', AF_PACKET, SOCK_RAW_CLOEXEC, swapped);
    const time = Buffer.alloc(16);
    time.writeBigInt64LE(BigInt(seconds));
    systemCall('set a time limit', 'setsockopt', this.socket, SOL_SOCKET, SO_RCVTIMEO, time, time.length);
    const room = Buffer.alloc(4);
    room.writeInt32LE(16 << 20);
    systemCall('make room for frames', 'setsockopt', this.socket, SOL_SOCKET, SO_RCVBUFFORCE, room, room.length);
    if (device === undefined) return;
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16LE(swapped, 2);
    address.writeInt32LE(device, 4);
    systemCall('bind to a device', 'bind', this.socket, address, address.length);
  }

  /** Waits for a frame; throws if none comes in time. */
  wait(): Uint8Array {
    const size = systemCall('receive a frame', 'recvfrom', this.socket, this.buffer, this.buffer.length, 0, 0, 0);
    return Uint8Array.from(this.buffer.subarray(0, size));
  }

  /** What has come until now. */
  drain(): Uint8Array[] {
    return drain(this.socket, this.buffer);
  }

  close(): void {
    systemCall('close a socket', 'close', this.socket);
  }
}

/** Receives the packets of one protocol that INPUT lets in: raw sockets come behind it. */
export class PacketReceiver {
  private readonly socket: number;
  private readonly buffer = Buffer.alloc(65536);

  constructor(protocol: number, family: Family = 'ipv4') {
    this.socket = systemCall('open a raw socket', 'socket', DESTINATION[family].family, SOCK_RAW_CLOEXEC, protocol);
  }

  /** What has come until now: from the header on in IPv4, behind all headers of IP in IPv6. */
  drain(): Uint8Array[] {
    return drain(this.socket, this.buffer);
  }

  close(): void {
    systemCall('close a socket', 'close', this.socket);
  }
}

function drain(socket: number, buffer: Buffer): Uint8Array[] {
  const received: Uint8Array[] = [];
  for (;;) {
    const size = trySystemCall('recvfrom', socket, buffer, buffer.length, MSG_DONTWAIT, 0, 0);
    if (size === -EAGAIN) return received;
    if (size < 0) throw new Error(`recvfrom: errno ${-size}`);
    received.push(Uint8Array.from(buffer.subarray(0, size)));
  }
}

/** Where an address is in a packet and in a `sockaddr_in` or `sockaddr_in6`, in bytes. */
const DESTINATION = {
  ipv4: { family: AF_INET, from: 16, size: 4, at: 4, all: 16 },
  ipv6: { family: AF_INET6, from: 24, size: 16, at: 8, all: 28 },
} as const;

/** Sends whole packets from this host by one device, as OUTPUT sees them; the kernel fills in IPv4's checksum only. */
export class PacketSender {
  private readonly socket: number;
  private readonly destination: (typeof DESTINATION)[Family];
  private readonly address: Buffer;

  /** The packets carry the mark, so that a routing rule can tell them from what the kernel itself sends. */
  constructor(device: string, mark: number, family: Family = 'ipv4') {
    this.destination = DESTINATION[family];
    this.address = Buffer.alloc(this.destination.all);
    this.socket = systemCall('open a raw socket', 'socket', this.destination.family, SOCK_RAW_CLOEXEC, IPPROTO_RAW);
    const word = Buffer.alloc(4);
    word.writeUInt32LE(mark);
    systemCall('mark packets', 'setsockopt', this.socket, SOL_SOCKET, SO_MARK, word, word.length);
    const name = Buffer.from(`${device}\0`);
    systemCall('bind to a device', 'setsockopt', this.socket, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
    this.address.writeUInt16LE(this.destination.family, 0);
  }

  /** Whether the packet was let out: the kernel tells the sender of a packet that OUTPUT dropped. */
  send(packet: Uint8Array): boolean {
    const { from, size: length, at } = this.destination;
    this.address.set(packet.subarray(from, from + length), at);
    const size = packet.length;
    const result = trySystemCall('sendto', this.socket, packet, size, 0, this.address, this.address.length);
    if (result < 0 && result !== -EPERM) throw new Error(`sending from a raw socket: errno ${-result}`);
    return result >= 0;
  }

  close(): void {
    systemCall('close a socket', 'close', this.socket);
  }
}

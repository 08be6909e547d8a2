// Checksums behind the IP header put right, in packets that were bent after they were made.

import { type HookPacket, viewOf } from '../../src/base/packet.ts';
import { internetChecksum } from './packet-builder.ts';

const [ICMP, TCP, UDP, ICMPV6] = [1, 6, 17, 58];
/** Where the checksum is in the header of each protocol, in bytes. */
const AT: Readonly<Record<number, number>> = { [ICMP]: 2, [TCP]: 16, [UDP]: 6, [ICMPV6]: 2 };

/** The packet, if it is whole, with a checksum that is right for the bytes that are there. */
export function verified(packet: HookPacket): HookPacket {
  const { protocol, transportOffset, fragmentOffset, malformed } = viewOf(packet);
  const { family = 'ipv4' } = packet;
  const at = AT[protocol];
  const isWhole = family === 'ipv6' ? fragmentOffset === 0 : (packet.bytes[6]! & 0x3f) === 0 && packet.bytes[7] === 0;
  if (at === undefined || malformed || !isWhole || transportOffset + at + 2 > packet.bytes.length) return packet;
  const bytes = packet.bytes.slice();
  const behind = bytes.subarray(transportOffset);
  behind.set([0, 0], at);
  const ends = family === 'ipv6' ? bytes.subarray(8, 40) : bytes.subarray(12, 20);
  const about = Uint8Array.of(0, protocol, behind.length >> 8, behind.length & 255);
  const parts = protocol === ICMP ? [behind] : [ends, about, behind];
  const checksum = internetChecksum(...parts) || (protocol === UDP ? 0xffff : 0);
  behind.set([checksum >> 8, checksum & 255], at);
  return { ...packet, bytes };
}

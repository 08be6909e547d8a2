// IPv6 packets that consist of nothing but hard header chains: every kind of header, in any order and number, cut off
// anywhere, with lengths that lead behind the packet's end.

import type { Choice } from './random.ts';

const EXTENSIONS = [0, 43, 44, 51, 60] as const;
const ENDS = [6, 17, 58, 50, 59, 135, 41, 4, 255, 64 + 44, 0x80 | 60] as const;

/** The kernel's test runs take frames of less than a page. */
const MAXIMUM = 3000;

const SOURCE = '20010db8000000000000000000000002';
const DESTINATION = '20010db8000000000000000000000001';

/** An IPv6 packet with `payload` behind its header, of which the next-header byte is `next`. */
export function ipv6Packet(next: number, payload: Uint8Array): Uint8Array {
  const header = Buffer.alloc(40);
  header.writeUInt32BE(0x60000000, 0);
  header.writeUInt16BE(payload.length & 0xffff, 4);
  header[6] = next;
  header[7] = 64;
  header.write(SOURCE, 8, 'hex');
  header.write(DESTINATION, 24, 'hex');
  return Buffer.concat([header, payload]);
}

/** Whether a packet has all of the hop-by-hop options that stand right behind its header, or none. */
export function hasReadableOptions(bytes: Uint8Array): boolean {
  return bytes[6] !== 0 || (bytes.length >= 48 && bytes.length >= 40 + 8 * (bytes[41]! + 1));
}

/** `count` extension headers of the same kind, the shortest there are, behind each other; the last one names `end`. */
export function repeatedHeaders(kind: number, count: number, end: number): Uint8Array {
  const bytes = new Uint8Array(8 * count);
  for (let index = 0; index < count; index++) bytes[8 * index] = index === count - 1 ? end : kind;
  return bytes;
}

/** Extension headers at the packet's start, by their own lengths; of later fragments perhaps more than are walked over. */
export function chainLength(bytes: Uint8Array): number {
  let count = 0;
  let next = bytes[6]!;
  for (let at = 40; [0, 43, 44, 51, 60].includes(next) && at + 4 <= bytes.length; count++) {
    const length = next === 44 ? 8 : next === 51 ? 4 * (bytes[at + 1]! + 2) : 8 * (bytes[at + 1]! + 1);
    next = bytes[at]!;
    at += length;
  }
  return count;
}

/** A packet with a random chain of up to six headers, and perhaps something behind it. */
export function randomChain(choice: Choice): Uint8Array {
  const kinds = Array.from({ length: choice.integer(0, 6) }, () => choice.pick(EXTENSIONS));
  const end = choice.chance(0.9) ? choice.pick(ENDS) : choice.integer(0, 255);
  const headers = kinds.map((kind, index) => extension(choice, kind, kinds[index + 1] ?? end));
  const behind = new Uint8Array(choice.pick([0, 1, 4, 13, 14, 20, 40])).map(() => choice.integer(0, 255));
  const whole = Buffer.concat([...headers, behind]);
  const cut = Math.min(MAXIMUM, choice.chance(0.3) ? choice.integer(0, whole.length) : whole.length);
  return ipv6Packet(kinds[0] ?? end, whole.subarray(0, cut));
}

function extension(choice: Choice, kind: number, next: number): Uint8Array {
  const units = choice.chance(0.8) ? choice.integer(0, 2) : choice.integer(0, 255);
  const honest = kind === 51 ? 4 * (units + 2) : 8 * (units + 1);
  const bytes = new Uint8Array(kind === 44 ? 8 : units > 2 && choice.chance(0.5) ? 8 : honest);
  bytes[0] = next;
  bytes[1] = units;
  if (kind === 44) {
    bytes[1] = choice.integer(0, 255);
    const offset = choice.chance(0.7) ? 0 : choice.pick([1, 2, 0x1000, 0x1fff]);
    const word = (offset << 3) | choice.integer(0, 7);
    bytes[2] = word >> 8;
    bytes[3] = word & 255;
  }
  return bytes;
}

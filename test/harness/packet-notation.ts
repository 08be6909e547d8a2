// Packets in one readable line, for expectations written by hand and for failures printed by tests.
//
//   INPUT in=eth0 tcp 10.0.0.1:1234 > 10.0.0.2:22 syn
//   FORWARD in=eth0 out=eth1 icmp 10.0.0.1 > 10.9.0.2 type=8 code=0 payload=56
//   OUTPUT out=lo udp 127.0.0.1:5000 > 127.0.0.1:53 payload=20
//   INPUT in=eth0 47 10.0.0.1 > 10.0.0.2 payload=8
//   INPUT in=eth0 tcp 10.0.0.1 > 10.0.0.2 frag=185 payload=100
//
// A line is the hook, the devices (`in=` at INPUT and FORWARD, `out=` at FORWARD and OUTPUT), the protocol (tcp, udp,
// icmp or a number), the addresses with ports for tcp and udp, and words in any order:
//
//   fin syn rst psh ack urg ece cwr   the TCP flags that are set
//   type=N code=N                     of an ICMP message, 0 if absent
//   payload=N                         N zero bytes behind the transport header, behind the IPv4 header where none is
//   options=N                         N bytes of IPv4 options (no operation), a multiple of 4
//   frag=N                            fragment offset in units of 8 bytes; above 0 there is no transport header
//   more, df                          the flags "more fragments" and "don't fragment"
//   cut=N                             the packet ends N bytes behind its IPv4 header
//   ttl=N id=N tos=N                  64, 0 and 0 if absent
//
// Packets of IPv6 are told by their addresses; `ipv6-notation.ts` says what differs.
//
// Where this cannot say everything, a second, indented line `hex` holds the bytes from the IP header on, and the
// words are for the reader only.

import { nameInBytes } from '../../src/base/device-name.ts';
import { FILTER_CHAINS, type FilterChain } from '../../src/base/hooks.ts';
import { formatAddress } from '../../src/base/ipv4.ts';
import { type HookPacket, Ipv4View } from '../../src/base/packet.ts';
import { buildIpv6Packet } from './ipv6-builder.ts';
import { ipv6Words, isIpv6Words, parseIpv6Words, readIpv6Fields } from './ipv6-notation.ts';
import { buildPacket, type PacketFields, TCP_FLAG, type Transport, transportHeaderLength } from './packet-builder.ts';

const PROTOCOL_NAMES = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
]);

/** Prints the packet; a line feed and the `hex` line follow where the words alone do not give the same bytes. */
export function formatPacket(packet: HookPacket): string {
  const words: string[] = [packet.hook];
  if (packet.hook !== 'OUTPUT') words.push(`in=${packet.inDevice}`);
  if (packet.hook !== 'INPUT') words.push(`out=${packet.outDevice}`);
  const [own, bytes] = packet.family === 'ipv6' ? ipv6Line(packet) : ipv4Line(packet);
  const line = [...words, ...own].join(' ');
  return sameBytes(bytes, packet.bytes) ? line : `${line}\n${formatHex(packet)}`;
}

/** What can be said of a packet, and the bytes that this gives. */
function ipv4Line(packet: HookPacket): [words: string[], bytes: Uint8Array] {
  const fields = readFields(packet);
  return [fieldWords(fields), buildPacket(fields)];
}

function ipv6Line(packet: HookPacket): [words: string[], bytes: Uint8Array] {
  const fields = readIpv6Fields(packet);
  return [ipv6Words(fields), buildIpv6Packet(fields)];
}

/** The line with the packet's bytes. */
function formatHex(packet: HookPacket): string {
  return `  hex ${Buffer.from(packet.bytes).toString('hex')}`;
}

/** Reads a line of the notation, and the hex line below it if there is one. Throws a message for the author. */
export function parsePacket(line: string, hexLine?: string): HookPacket {
  const words = line.trim().split(/\s+/);
  const hook = words.shift() as FilterChain;
  if (!FILTER_CHAINS.includes(hook)) throw new Error(`no such hook: ${hook}`);
  const device = (name: 'in' | 'out', wanted: boolean): string => {
    if (!wanted) return '';
    const word = words.shift() ?? '';
    if (!word.startsWith(`${name}=`)) throw new Error(`${name}=DEVICE expected at ${hook}, not ${word}`);
    return nameInBytes(word.slice(name.length + 1));
  };
  const inDevice = device('in', hook !== 'OUTPUT');
  const outDevice = device('out', hook !== 'INPUT');
  if (isIpv6Words(words)) {
    const bytes = hexLine === undefined ? buildIpv6Packet(parseIpv6Words(words)) : parseHex(hexLine);
    return { family: 'ipv6', hook, inDevice, outDevice, bytes };
  }
  const bytes = hexLine === undefined ? buildPacket(parseFields(words)) : parseHex(hexLine);
  return { hook, inDevice, outDevice, bytes };
}

function parseHex(line: string): Uint8Array {
  const digits = /^\s+hex ((?:[0-9a-f]{2})+)\s*$/.exec(line)?.[1];
  if (digits === undefined) throw new Error('a hex line is blanks, the word hex and an even number of digits');
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** As much of a packet as the notation can say. */
function readFields(packet: HookPacket): PacketFields {
  const view = new Ipv4View(packet);
  const { bytes } = packet;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const behind = Math.max(0, bytes.length - view.transportOffset);
  const isLater = view.fragmentOffset > 0;
  const transport = readTransport(view, isLater);
  const headerLength = isLater ? 0 : transportHeaderLength(transport);
  return {
    source: view.source,
    destination: view.destination,
    transport,
    payload: new Uint8Array(Math.max(0, behind - headerLength)),
    options: new Uint8Array(Math.max(0, view.transportOffset - 20)).fill(1),
    tos: bytes[1]!,
    id: data.getUint16(4),
    ttl: bytes[8]!,
    dontFragment: (bytes[6]! & 0x40) !== 0,
    moreFragments: (bytes[6]! & 0x20) !== 0,
    fragmentOffset: view.fragmentOffset,
    ...(behind < headerLength && { cut: behind }),
  };
}

function readTransport(view: Ipv4View, isLater: boolean): Transport {
  // What a cut header lacks reads as zero.
  const byte = (index: number): number => (isLater ? 0 : (view.transport(index + 1)?.getUint8(index) ?? 0));
  const word = (index: number): number => (byte(index) << 8) | byte(index + 1);
  switch (view.protocol) {
    case 1:
      return { kind: 'icmp', type: byte(0), code: byte(1) };
    case 6:
      return { kind: 'tcp', sport: word(0), dport: word(2), flags: byte(13) };
    case 17:
      return { kind: 'udp', sport: word(0), dport: word(2) };
    default:
      return { kind: 'other', protocol: view.protocol };
  }
}

function fieldWords(fields: PacketFields): string[] {
  const { transport } = fields;
  const isLater = (fields.fragmentOffset ?? 0) > 0;
  const hasPorts = !isLater && (transport.kind === 'tcp' || transport.kind === 'udp');
  const protocol = transport.kind === 'other' ? `${transport.protocol}` : transport.kind;
  const end = (address: number, port: number): string => formatAddress(address) + (hasPorts ? `:${port}` : '');
  const { sport, dport } = transport.kind === 'tcp' || transport.kind === 'udp' ? transport : { sport: 0, dport: 0 };
  const words = [protocol, end(fields.source, sport), '>', end(fields.destination, dport)];
  if (transport.kind === 'tcp') {
    for (const [name, bit] of Object.entries(TCP_FLAG)) if (transport.flags & bit) words.push(name);
  }
  if (transport.kind === 'icmp' && !isLater) words.push(`type=${transport.type}`, `code=${transport.code}`);
  const number = (name: string, value: number | undefined, usual: number | undefined): void => {
    if (value !== undefined && value !== usual) words.push(`${name}=${value}`);
  };
  number('payload', fields.payload?.length, 0);
  number('options', fields.options?.length, 0);
  number('frag', fields.fragmentOffset, 0);
  if (fields.moreFragments) words.push('more');
  if (fields.dontFragment) words.push('df');
  number('cut', fields.cut, undefined);
  number('ttl', fields.ttl, 64);
  number('id', fields.id, 0);
  number('tos', fields.tos, 0);
  return words;
}

function parseFields(words: string[]): PacketFields {
  const [protocol = '', from = '', arrow, to = '', ...rest] = words;
  if (arrow !== '>') throw new Error('PROTOCOL SOURCE > DESTINATION expected');
  const flags = new Set<string>();
  const numbers = new Map<string, number>();
  for (const word of rest) {
    const [name = '', value] = word.split('=');
    if (value === undefined && (name in TCP_FLAG || name === 'more' || name === 'df')) flags.add(name);
    else if (NUMBER_WORDS.includes(name) && /^\d+$/.test(value ?? '')) numbers.set(name, Number(value));
    else throw new Error(`no such word: ${word}`);
  }
  const [source, sport] = parseEnd(from);
  const [destination, dport] = parseEnd(to);
  const isLater = (numbers.get('frag') ?? 0) > 0;
  const ports = (): { sport: number; dport: number } => {
    if (!isLater && (sport === undefined || dport === undefined)) throw new Error(`${protocol} needs two ports`);
    return { sport: sport ?? 0, dport: dport ?? 0 };
  };
  const cut = numbers.get('cut');
  return {
    source,
    destination,
    transport: parseTransport(protocol, ports, flags, numbers),
    payload: new Uint8Array(numbers.get('payload') ?? 0),
    options: new Uint8Array(numbers.get('options') ?? 0).fill(1),
    tos: numbers.get('tos') ?? 0,
    id: numbers.get('id') ?? 0,
    ttl: numbers.get('ttl') ?? 64,
    moreFragments: flags.has('more'),
    dontFragment: flags.has('df'),
    fragmentOffset: numbers.get('frag') ?? 0,
    ...(cut !== undefined && { cut }),
  };
}

const NUMBER_WORDS = ['type', 'code', 'payload', 'options', 'frag', 'cut', 'ttl', 'id', 'tos'];

function parseTransport(
  protocol: string,
  ports: () => { sport: number; dport: number },
  flags: ReadonlySet<string>,
  numbers: ReadonlyMap<string, number>,
): Transport {
  switch (PROTOCOL_NAMES.get(Number(protocol)) ?? protocol) {
    case 'tcp': {
      const bits = Object.entries(TCP_FLAG).filter(([name]) => flags.has(name));
      return { kind: 'tcp', ...ports(), flags: bits.reduce((sum, [, bit]) => sum | bit, 0) };
    }
    case 'udp':
      return { kind: 'udp', ...ports() };
    case 'icmp':
      return { kind: 'icmp', type: numbers.get('type') ?? 0, code: numbers.get('code') ?? 0 };
    default:
      if (!/^\d+$/.test(protocol) || Number(protocol) > 255) throw new Error(`no such protocol: ${protocol}`);
      return { kind: 'other', protocol: Number(protocol) };
  }
}

function parseEnd(text: string): [address: number, port: number | undefined] {
  const found = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?::(\d+))?$/.exec(text);
  const [bytes, port] = [found?.slice(1, 5).map(Number) ?? [], found?.[5]];
  if (found === null || bytes.some((byte) => byte > 255) || Number(port ?? 0) > 65535) {
    throw new Error(`no such address: ${text}`);
  }
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return [address, port === undefined ? undefined : Number(port)];
}

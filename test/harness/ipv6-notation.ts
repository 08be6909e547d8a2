// IPv6 packets in the notation of `packet-notation.ts`: addresses stand in brackets in front of a port, the protocol may
// be icmp6, and `via=` names the extension headers in order, each with its length byte or its fragment offset where that
// is not 0, and `+` where more fragments follow:
//
//   INPUT in=eth0 tcp [2001:db8::1]:1234 > [2001:db8::2]:22 syn
//   INPUT in=eth0 icmp6 2001:db8::1 > 2001:db8::2 type=128
//   FORWARD in=eth0 out=eth1 udp [2001:db8::1]:53 > [2001:db8::2]:53 via=hop,dst:2,frag+ payload=64
//   INPUT in=eth0 17 2001:db8::1 > 2001:db8::2 via=frag:185 payload=64
//
// A later fragment has no transport header; a protocol that is a number has none either.

import { formatAddress6, parseAddress6 } from '../../src/base/ipv6.ts';
import { type HookPacket, Ipv6View } from '../../src/base/packet.ts';
import { EXTENSION_NUMBER, type ExtensionHeader, type Ipv6Fields, ipv6Protocol } from './ipv6-builder.ts';
import { TCP_FLAG, type Transport, transportHeaderLength } from './packet-builder.ts';

/** As much of a packet as the notation can say. */
export function readIpv6Fields(packet: HookPacket): Ipv6Fields {
  const { bytes } = packet;
  const view = new Ipv6View(packet);
  const { headers, end, protocol } = readHeaders(bytes);
  const isLater = hasLater(headers);
  const behind = bytes.subarray(Math.min(end, bytes.length));
  const transport: Transport = isLater ? { kind: 'other', protocol } : readTransport(protocol, behind);
  const headerLength = transportHeaderLength(transport);
  const isCut = end + headerLength > bytes.length;
  return {
    source: view.source,
    destination: view.destination,
    transport,
    headers,
    payload: new Uint8Array(Math.max(0, behind.length - headerLength)),
    hopLimit: bytes[7]!,
    trafficClass: ((bytes[0]! & 15) << 4) | (bytes[1]! >> 4),
    ...(isCut && { cut: bytes.length - 40 }),
  };
}

function hasLater(headers: readonly ExtensionHeader[]): boolean {
  return headers.some((header) => header.kind === 'frag' && header.offset > 0);
}

const KINDS = new Map(Object.entries(EXTENSION_NUMBER).map(([kind, number]) => [number as number, kind]));

function readHeaders(bytes: Uint8Array): { headers: ExtensionHeader[]; end: number; protocol: number } {
  const headers: ExtensionHeader[] = [];
  let protocol = bytes[6]!;
  let end = 40;
  while (KINDS.has(protocol) && end + 4 <= bytes.length && !hasLater(headers.slice(-1))) {
    const kind = KINDS.get(protocol) as ExtensionHeader['kind'];
    const [next, units, high, low] = bytes.subarray(end, end + 4) as unknown as [number, number, number, number];
    if (kind === 'frag') headers.push({ kind, offset: ((high << 8) | low) >> 3, more: (low & 1) === 1 });
    else headers.push({ kind, units });
    end += kind === 'frag' ? 8 : kind === 'ah' ? 4 * (units + 2) : 8 * (units + 1);
    protocol = next;
  }
  return { headers, end, protocol };
}

function readTransport(protocol: number, header: Uint8Array): Transport {
  const byte = (index: number): number => header[index] ?? 0;
  const word = (index: number): number => (byte(index) << 8) | byte(index + 1);
  if (protocol === 6) return { kind: 'tcp', sport: word(0), dport: word(2), flags: byte(13) };
  if (protocol === 17) return { kind: 'udp', sport: word(0), dport: word(2) };
  if (protocol === 58) return { kind: 'icmp', type: byte(0), code: byte(1) };
  return { kind: 'other', protocol };
}

export function ipv6Words(fields: Ipv6Fields): string[] {
  const { transport, headers = [], payload, hopLimit = 64, trafficClass = 0, cut } = fields;
  const hasPorts = transport.kind === 'tcp' || transport.kind === 'udp';
  const protocol = transport.kind === 'icmp' ? 'icmp6' : hasPorts ? transport.kind : `${ipv6Protocol(transport)}`;
  const end = (address: bigint, port: number): string =>
    hasPorts ? `[${formatAddress6(address)}]:${port}` : formatAddress6(address);
  const { sport, dport } = hasPorts ? transport : { sport: 0, dport: 0 };
  const words = [protocol, end(fields.source, sport), '>', end(fields.destination, dport)];
  if (transport.kind === 'tcp')
    for (const [name, bit] of Object.entries(TCP_FLAG)) if (transport.flags & bit) words.push(name);
  if (transport.kind === 'icmp') words.push(`type=${transport.type}`, `code=${transport.code}`);
  if (headers.length > 0) words.push(`via=${headers.map(headerWord).join()}`);
  if (payload !== undefined && payload.length > 0) words.push(`payload=${payload.length}`);
  if (cut !== undefined) words.push(`cut=${cut}`);
  if (hopLimit !== 64) words.push(`ttl=${hopLimit}`);
  if (trafficClass !== 0) words.push(`tos=${trafficClass}`);
  return words;
}

function headerWord(header: ExtensionHeader): string {
  const number = header.kind === 'frag' ? header.offset : header.units;
  return `${header.kind}${number === 0 ? '' : `:${number}`}${header.kind === 'frag' && header.more ? '+' : ''}`;
}

/** Whether the words behind a packet's devices are of IPv6. */
export function isIpv6Words([, from = '']: readonly string[]): boolean {
  return from.startsWith('[') || from.split(':').length > 2;
}

const NUMBERS = ['type', 'code', 'payload', 'cut', 'ttl', 'tos'];

/** Reads what `ipv6Words` prints; throws a message for the author. */
export function parseIpv6Words([protocol = '', from = '', arrow, to = '', ...rest]: readonly string[]): Ipv6Fields {
  if (arrow !== '>') throw new Error('PROTOCOL SOURCE > DESTINATION expected');
  const numbers = new Map<string, number>();
  let flags = 0;
  let headers: ExtensionHeader[] = [];
  for (const word of rest) {
    const [name = '', value] = word.split('=');
    if (value === undefined && name in TCP_FLAG) flags |= TCP_FLAG[name as keyof typeof TCP_FLAG];
    else if (name === 'via' && value !== undefined) headers = value.split(',').map(parseHeader);
    else if (NUMBERS.includes(name) && /^\d+$/.test(value ?? '')) numbers.set(name, Number(value));
    else throw new Error(`no such word: ${word}`);
  }
  const [source, sport] = parseEnd(from);
  const [destination, dport] = parseEnd(to);
  const ports = { sport: sport ?? 0, dport: dport ?? 0 };
  const needsPorts = protocol === 'tcp' || protocol === 'udp';
  if (needsPorts && (sport === undefined || dport === undefined)) throw new Error(`${protocol} needs two ports`);
  const cut = numbers.get('cut');
  return {
    ...{ source, destination, headers, transport: transportOf(protocol, ports, flags, numbers) },
    payload: new Uint8Array(numbers.get('payload') ?? 0),
    hopLimit: numbers.get('ttl') ?? 64,
    trafficClass: numbers.get('tos') ?? 0,
    ...(cut !== undefined && { cut }),
  };
}

function transportOf(
  protocol: string,
  ports: { readonly sport: number; readonly dport: number },
  flags: number,
  numbers: ReadonlyMap<string, number>,
): Transport {
  if (protocol === 'tcp') return { kind: 'tcp', ...ports, flags };
  if (protocol === 'udp') return { kind: 'udp', ...ports };
  if (protocol === 'icmp6') return { kind: 'icmp', type: numbers.get('type') ?? 0, code: numbers.get('code') ?? 0 };
  if (!/^\d+$/.test(protocol) || Number(protocol) > 255) throw new Error(`no such protocol: ${protocol}`);
  return { kind: 'other', protocol: Number(protocol) };
}

function parseHeader(text: string): ExtensionHeader {
  const found = /^(hop|rt|dst|ah|frag)(?::(\d+))?(\+?)$/.exec(text);
  if (found === null) throw new Error(`no such extension header: ${text}`);
  const number = Number(found[2] ?? 0);
  if (found[1] === 'frag') return { kind: 'frag', offset: number, more: found[3] === '+' };
  return { kind: found[1] as 'hop' | 'rt' | 'dst' | 'ah', units: number };
}

function parseEnd(text: string): [address: bigint, port: number | undefined] {
  const found = /^\[(.*)\]:(\d+)$/.exec(text);
  const address = parseAddress6(found?.[1] ?? text);
  if (address === undefined || Number(found?.[2] ?? 0) > 65535) throw new Error(`no such address: ${text}`);
  return [address, found === null ? undefined : Number(found[2])];
}

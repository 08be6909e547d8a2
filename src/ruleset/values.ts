// What parsed values mean: numbers for names, masks for lengths, limits. The grammar says what they look like.

import type { AddressNode, HostNode, IcmpTypeNode, NumberOrName, PortRangeNode } from '../../grammar/nodes.ts';
import { parseValue } from '../../grammar/parse.ts';
import type { Counters } from '../base/counters.ts';
import type { Interval } from '../base/intervals.ts';
import { type MaskedAddress, prefixMask } from '../base/ipv4.ts';
import type { ValueKind } from '../extensions/extension.ts';
import type { IcmpType } from '../extensions/icmp.ts';
import { icmpTypesNamed } from '../extensions/icmp-types.ts';
import { TCP_FLAGS } from '../extensions/tcp.ts';
import type { Names } from './names.ts';

/** Says what is wrong with a value; the parser adds where. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
  readonly hint?: string;

  constructor(message: string, hint?: string) {
    super(message);
    if (hint !== undefined) this.hint = hint;
  }
}

/** Largest interface name, in bytes (IFNAMSIZ less the final zero). */
const INTERFACE_LIMIT = 15;
const PORT_MAXIMUM = 0xffff;
const COUNTER_MAXIMUM = 0xffff_ffff_ffff_ffffn;

/** The value of an extension's option. `protocol` is that of the match, for the names of services. */
export function evaluateValue(kind: ValueKind, text: string, protocol: string, names: Names): unknown {
  switch (kind) {
    case 'portRange': {
      const parsed = parseValue('portRange', text);
      if (!parsed.ok) throw new ValueError(`invalid port/service \`${text}' specified`);
      return evaluatePortRange(parsed.node, protocol, names);
    }
    case 'tcpFlags': {
      const parsed = parseValue('tcpFlags', text);
      if (!parsed.ok) throw new ValueError(`invalid TCP flags \`${text}'`);
      return parsed.node.reduce((bits, name) => bits | tcpFlag(name), 0);
    }
    case 'icmpType': {
      const parsed = parseValue('icmpType', text);
      if (!parsed.ok) throw new ValueError(`Unknown ICMP type \`${text}'`);
      return evaluateIcmpType(parsed.node);
    }
    case 'text':
      return text;
  }
}

/** `-s a,b/mask`: as many addresses as there are elements. */
export function evaluateAddresses(text: string): readonly MaskedAddress[] {
  const parsed = parseValue('addressList', text);
  if (parsed.ok) return parsed.node.map((node) => evaluateAddress(node));
  throw new ValueError(`host/network \`${text}' not found`);
}

/** The number of a protocol, 0 for all; undefined for an unknown one. */
export function evaluateProtocol(node: NumberOrName, names: Names): number | undefined {
  if ('number' in node) return node.number <= 255 ? node.number : undefined;
  return names.protocolNumber(node.name.toLowerCase());
}

/** An interface as written; `+` alone is every interface. */
export function evaluateInterface(text: string): string {
  const parsed = parseValue('interface', text);
  if (!parsed.ok) throw new ValueError('Empty interface is likely to be undesired');
  if (Buffer.byteLength(text) > INTERFACE_LIMIT) {
    throw new ValueError(`interface name \`${text}' must be shorter than IFNAMSIZ (${INTERFACE_LIMIT})`);
  }
  return parsed.node.prefix ? `${parsed.node.name}+` : parsed.node.name;
}

export function evaluateCounters(text: string): Counters {
  const parsed = parseValue('counters', text);
  if (!parsed.ok || parsed.node.packets > COUNTER_MAXIMUM || parsed.node.bytes > COUNTER_MAXIMUM) {
    throw new ValueError(`invalid counters \`${text}'`, 'counters are of the form [packets:bytes]');
  }
  return parsed.node;
}

function evaluatePortRange(node: PortRangeNode, protocol: string, names: Names): Interval {
  const low = node.low === undefined ? 0 : evaluatePort(node.low, protocol, names);
  const high = node.high === undefined ? PORT_MAXIMUM : evaluatePort(node.high, protocol, names);
  if (low > high) throw new ValueError('invalid portrange (min > max)');
  return { low, high };
}

function evaluatePort(node: NumberOrName, protocol: string, names: Names): number {
  const port = 'number' in node ? node.number : names.port(node.name, protocol);
  if (port !== undefined && port <= PORT_MAXIMUM) return port;
  throw new ValueError(`invalid port/service \`${'number' in node ? node.number : node.name}' specified`);
}

function tcpFlag(name: string): number {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return TCP_FLAGS.reduce((bits, [, bit]) => bits | bit, 0);
  if (upper === 'NONE') return 0;
  const flag = TCP_FLAGS.find(([known]) => known === upper);
  if (flag === undefined) throw new ValueError(`Unknown TCP flag \`${name}'`);
  return flag[1];
}

function evaluateIcmpType({ type, code }: IcmpTypeNode): IcmpType {
  if ('name' in type) {
    const [first, second] = icmpTypesNamed(type.name);
    if (first === undefined) throw new ValueError(`Unknown ICMP type \`${type.name}'`);
    if (second === undefined) return first.value;
    const exact = icmpTypesNamed(type.name).find(({ name }) => name.toLowerCase() === type.name.toLowerCase());
    if (exact !== undefined) return exact.value;
    throw new ValueError(`Ambiguous ICMP type \`${type.name}': \`${first.name}' or \`${second.name}'?`);
  }
  if (type.number > 255) throw new ValueError(`Unknown ICMP type \`${type.number}'`);
  if (code !== undefined && code > 255) throw new ValueError(`Unknown ICMP code \`${type.number}/${code}'`);
  return code === undefined ? { type: type.number } : { type: type.number, code };
}

/** A mask of zero makes any host name mean every address, as in iptables. */
function evaluateAddress({ host, mask: maskNode }: AddressNode): MaskedAddress {
  const mask = maskNode === undefined ? prefixMask(32) : evaluateMask(maskNode);
  if (mask === 0) return { value: 0, mask: 0 };
  const address = host.numbers && addressOf(host.numbers);
  if (address !== undefined) return { value: (address & mask) >>> 0, mask };
  if (/^[0-9.]*$|[: ]/.test(host.text)) throw new ValueError(`host/network \`${host.text}' not found`);
  throw new ValueError(
    `host/network \`${host.text}' is not an address`,
    'host names are not looked up: write the addresses that the name stands for',
  );
}

/** A length 0–32, or four octets: a mask is not filled up. */
function evaluateMask({ text, numbers = [] }: HostNode): number {
  const [length] = numbers;
  if (numbers.length === 1 && length! <= 32) return prefixMask(length!);
  const mask = numbers.length === 4 ? addressOf(numbers) : undefined;
  if (mask === undefined) throw new ValueError(`invalid mask \`${text}' specified`);
  return mask;
}

/**
 * One to four numbers as an address. Octets are filled up on the right, `10.1` is 10.1.0.0; where the last number is no
 * octet it fills what the others leave, `10.256` is 10.0.1.0 (inet_aton). Undefined for anything else.
 */
function addressOf(numbers: readonly number[]): number | undefined {
  const leading = numbers.slice(0, -1);
  const last = numbers.at(-1)!;
  if (leading.some((octet) => octet > 255)) return undefined;
  const address = leading.reduce((sum, octet, i) => sum + octet * 2 ** (24 - 8 * i), 0);
  const room = 2 ** (32 - 8 * leading.length);
  if (last <= 255) return address + last * (room / 256);
  return last < room ? address + last : undefined;
}

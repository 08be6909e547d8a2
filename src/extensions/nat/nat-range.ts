// What an address is translated to, as DNAT and SNAT read and print it: `10.0.0.1-10.0.0.9:80-90/8080`, `[fe80::1]:80`.
//
// Read by hand, not by the grammar: iptables looks for single characters and passes over what lies between them.

import { type Address, formatAny } from '../../base/address.ts';
import type { Family } from '../../base/family.ts';
import { parseAddress } from '../../base/ipv4.ts';
import { parseAddress6 } from '../../base/ipv6.ts';
import { type ValueContext, ValueError, type ValueType } from '../extension.ts';
import { scanNumber } from '../values/scan.ts';

export interface NatPorts {
  readonly low: number;
  readonly high: number;
  /** Where the port range is moved to; absent where each port is free. */
  readonly base?: number;
}

export interface NatRange {
  /** Ends as written, the first may be the larger one; absent where only ports are translated. */
  readonly addresses?: { readonly low: Address; readonly high: Address };
  readonly ports?: NatPorts;
}

const PORT_MOST = 0xffffn;

/** Protocols that may have ports here, by number: ICMP of IPv4, TCP, UDP, DCCP, SCTP. */
const WITH_PORTS = [1, 6, 17, 33, 132];

/** `port[-port[/port]]`. */
export const natPorts: ValueType<NatPorts> = {
  placeholder: 'port[-port[/port]]',
  parse(text, { names, protocol }) {
    if (!WITH_PORTS.includes(protocol)) {
      throw new ValueError('Need TCP, UDP, SCTP or DCCP with port specification');
    }
    const service = (word: string) => {
      const port = names.port(word);
      if (port === undefined) throw new ValueError(`Port \`${word}' not valid`);
      return port;
    };
    const first = scanNumber(text, 0n, PORT_MOST);
    const low = first === undefined ? service(text) : Number(first.value);
    const rest = first?.rest ?? '';
    if (rest === '') return { low, high: low };
    if (rest.startsWith(':')) throw new ValueError('Invalid port:port syntax - use dash');
    if (!rest.startsWith('-')) throw new ValueError(`Garbage after port value: \`${rest}'`);
    const last = rest.slice(1);
    const second = scanNumber(last, 0n, PORT_MOST);
    if (second === undefined) throw new ValueError(`Port \`${last}' not valid`);
    const high = Number(second.value);
    if (high < low) throw new ValueError(`Port range \`${last}' funky`);
    if (second.rest === '') return { low, high };
    if (!second.rest.startsWith('/')) throw new ValueError(`Garbage after port range: \`${second.rest}'`);
    const base = second.rest.slice(1);
    const third = scanNumber(base, 1n, PORT_MOST);
    return { low, high, base: third === undefined ? service(base) : Number(third.value) };
  },
};

/** Addresses and ports; IPv6 addresses stand in brackets where ports follow. */
export const natRange: ValueType<NatRange> = {
  placeholder: '[address[-address]][:port[-port]]',
  parse(text, context) {
    const { addresses, ports, colon } = split(text, context.family);
    const read = ports === undefined ? {} : { ports: natPorts.parse(ports, context) };
    // With a colon in front, or behind `[]` or any other two characters, there are no addresses.
    if (colon === 0 || colon === 2) return read;
    return { addresses: readAddresses(addresses, context), ...read };
  },
};

interface Pieces {
  readonly addresses: string;
  readonly ports: string | undefined;
  /** Where the ports begin. */
  readonly colon: number;
}

/** One colon parts addresses and ports; more of them are an IPv6 address, unless that is in brackets. */
function split(text: string, family: Family): Pieces {
  const open = text.indexOf('[');
  if (open < 0) {
    const first = text.indexOf(':');
    const colon = text.lastIndexOf(':') === first ? first : -1;
    if (colon < 0) return { addresses: text, ports: undefined, colon };
    return { addresses: text.slice(0, colon), ports: text.slice(colon + 1), colon };
  }
  const close = text.indexOf(']', open);
  if (close < 0 || family === 'ipv4') throw new ValueError('Invalid address format');
  const colon = text.indexOf(':', close);
  return {
    addresses: text.slice(open + 1, close),
    ports: colon < 0 ? undefined : text.slice(colon + 1),
    colon,
  };
}

function readAddresses(text: string, { family }: ValueContext): { readonly low: Address; readonly high: Address } {
  const read = (word: string): Address => {
    const address = family === 'ipv4' ? parseAddress(word) : parseAddress6(word);
    if (address === undefined) throw new ValueError(`Bad IP address "${word}"`);
    return address;
  };
  const dash = text.indexOf('-');
  if (dash < 0) return { low: read(text), high: read(text) };
  return { low: read(text.slice(0, dash)), high: read(text.slice(dash + 1)) };
}

/** The ports without a colon in front. */
export function formatPorts({ low, high, base }: NatPorts): string {
  return `${low === high ? low : `${low}-${high}`}${base === undefined ? '' : `/${base}`}`;
}

/** Empty where neither addresses nor ports are given. */
export function formatRange({ addresses, ports }: NatRange): string {
  const ends = addresses && (addresses.low === addresses.high ? [addresses.low] : [addresses.low, addresses.high]);
  const words = ends?.map(formatAny).join('-') ?? '';
  if (ports === undefined) return words;
  const inBrackets = typeof addresses?.low === 'bigint' ? `[${words}]` : words;
  return `${inBrackets}:${formatPorts(ports)}`;
}

// Ports as getaddrinfo(3) reads them: decimal, wrapped to 16 bits without a word, else the name of a service of any
// protocol.

import type { Names } from '../../base/names.ts';
import { ValueError, type ValueType } from '../extension.ts';
import { isPortNumber, PORT_MAXIMUM, type PortRange, singlePort } from './port.ts';

/** The order in which glibc asks for the protocols of a service. */
const PROTOCOLS = ['tcp', 'udp', 'dccp', 'udplite', 'sctp'];

const ULONG_MAX = (1n << 64n) - 1n;

export const resolvedPort: ValueType<number> = {
  placeholder: 'port',
  parse: (text, { names }) => resolve(text, names),
};

/** `80`, `80:90`, `:90`, `80:`; the ends may be in either order. */
export const resolvedPorts: ValueType<PortRange> = {
  placeholder: 'port[:port]',
  isPrinted: isPortNumber,
  ofNumber: singlePort,
  parse(text, { names, extension, option, negated }) {
    const parts = text.split(':');
    const ends = parts.slice(0, 2).map((part, i) => (part === '' ? [0, PORT_MAXIMUM][i]! : resolve(part, names)));
    if (parts.length > 2) throw new ValueError(`${extension}: Too many components for option "${option}" (max: 2)`);
    if (parts.length === 1) return singlePort(ends[0]!, negated)!;
    return { low: ends[0]!, high: ends[1]!, negated };
  },
};

function resolve(text: string, names: Names): number {
  // As almost all ports are written; large files have very many of them.
  if (/^[1-9][0-9]{0,4}$/.test(text)) return Number(text) & PORT_MAXIMUM;
  const number = asInt(text);
  if (number !== undefined) return number & PORT_MAXIMUM;
  for (const each of PROTOCOLS) {
    const port = names.port(text, each);
    if (port !== undefined) return port;
  }
  throw new ValueError(`Port "${text}" does not resolve to anything.`);
}

/** What strtoul makes of it, as an int; undefined where that is negative or it is no number. */
function asInt(text: string): number | undefined {
  if (text === '') return 0;
  const digits = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/.exec(text);
  if (digits === null) return undefined;
  const size = BigInt(digits[2]!);
  const value = size > ULONG_MAX ? ULONG_MAX : digits[1] === '-' ? -size : size;
  const number = Number(BigInt.asIntN(32, value));
  return number < 0 ? undefined : number;
}

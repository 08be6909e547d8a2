// Ports, by number or by the name of a service.

import { parseValue } from '../../../grammar/parse.ts';
import type { Interval } from '../../base/intervals.ts';
import type { Names } from '../../base/names.ts';
import { ValueError, type ValueType } from '../extension.ts';

export const PORT_MAXIMUM = 0xffff;

/** Whether a word is a port by its number, as it is printed. */
export function isPortNumber(word: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(word) && Number(word) <= PORT_MAXIMUM;
}

/** A range of ports as an option with or without `!` asks for it; `low` and `high` as they are written, ends included. */
export interface PortRange extends Interval {
  readonly negated: boolean;
}

/** By number, those asked for without `!` that are one port: large files have very many of them. */
const singlePorts: PortRange[] = [];

/** One port by its number, undefined for what is none. Without `!` it is the same object again. */
export function singlePort(port: number, negated: boolean): PortRange | undefined {
  if (port > PORT_MAXIMUM) return undefined;
  if (negated) return { low: port, high: port, negated };
  if (singlePorts.length === 0) singlePorts.length = PORT_MAXIMUM + 1;
  let range = singlePorts[port];
  if (range === undefined) {
    range = { low: port, high: port, negated };
    singlePorts[port] = range;
  }
  return range;
}

function invalidPort(text: string): ValueError {
  return new ValueError(`invalid port/service \`${text}' specified`);
}

/** `80`, `http`, `1024:65535`, `:80`, `80:`; names are those of the extension's protocol. */
export function portRange(protocol: string): ValueType<PortRange> {
  return {
    placeholder: 'port[:port]',
    isPrinted: isPortNumber,
    ofNumber: singlePort,
    parse(text, { names, negated }) {
      // Divided at the first colon; what stands behind it is one port, whatever it holds.
      const colon = text.indexOf(':');
      if (colon < 0) {
        return singlePort(portNumber(text, names, protocol), negated)!;
      }
      const low = colon === 0 ? 0 : portNumber(text.slice(0, colon), names, protocol);
      const high = colon === text.length - 1 ? PORT_MAXIMUM : portNumber(text.slice(colon + 1), names, protocol);
      if (low > high) throw new ValueError('invalid portrange (min > max)');
      return { low, high, negated };
    },
  };
}

/** One port, by number or by the service's name for the protocol. */
export function portNumber(text: string, names: Names, protocol: string): number {
  // As almost all are written; large files have very many of them.
  if (isPortNumber(text)) return Number(text);
  const parsed = parseValue('port', text);
  if (!parsed.ok) throw invalidPort(text);
  const port = 'number' in parsed.node ? parsed.node.number : names.port(parsed.node.name, protocol);
  if (port !== undefined && port <= PORT_MAXIMUM) return port;
  throw invalidPort(text);
}

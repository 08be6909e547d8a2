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

function invalidPort(text: string): ValueError {
  return new ValueError(`invalid port/service \`${text}' specified`);
}

/** `80`, `http`, `1024:65535`, `:80`, `80:`; names are those of the extension's protocol. */
export function portRange(protocol: string): ValueType<Interval> {
  return {
    placeholder: 'port[:port]',
    isPrinted: isPortNumber,
    parse(text, { names }) {
      // Divided at the first colon; what stands behind it is one port, whatever it holds.
      const colon = text.indexOf(':');
      if (colon < 0) {
        const port = portNumber(text, names, protocol);
        return { low: port, high: port };
      }
      const low = colon === 0 ? 0 : portNumber(text.slice(0, colon), names, protocol);
      const high = colon === text.length - 1 ? PORT_MAXIMUM : portNumber(text.slice(colon + 1), names, protocol);
      if (low > high) throw new ValueError('invalid portrange (min > max)');
      return { low, high };
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

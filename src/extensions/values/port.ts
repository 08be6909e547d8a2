// Ports, by number or by the name of a service.

import type { NumberOrName } from '../../../grammar/nodes.ts';
import { parseValue } from '../../../grammar/parse.ts';
import type { Interval } from '../../base/intervals.ts';
import type { Names } from '../../base/names.ts';
import { ValueError, type ValueType } from '../extension.ts';

export const PORT_MAXIMUM = 0xffff;

/** The number of a port; a service is looked up for the protocol. */
function portNumber(node: NumberOrName, text: string, names: Names, protocol: string): number {
  const port = 'number' in node ? node.number : names.port(node.name, protocol);
  if (port !== undefined && port <= PORT_MAXIMUM) return port;
  throw invalidPort(text);
}

export function invalidPort(text: string): ValueError {
  return new ValueError(`invalid port/service \`${text}' specified`);
}

/** `80`, `http`, `1024:65535`, `:80`, `80:`; names are those of the extension's protocol. */
export function portRange(protocol: string): ValueType<Interval> {
  return {
    placeholder: 'port[:port]',
    parse(text, { names }) {
      const parsed = parseValue('portRange', text);
      if (!parsed.ok) {
        // The text is divided at the first colon, and each part is one port.
        const [first = '', last = ''] = text.split(/:(.*)/s);
        throw invalidPort(first === '' || parseValue('portRange', first).ok ? last : first);
      }
      const { low: first, high: last } = parsed.node;
      const colon = text.indexOf(':');
      const low = first === undefined ? 0 : portNumber(first, colon < 0 ? text : text.slice(0, colon), names, protocol);
      if (colon < 0) return { low, high: low };
      const high = last === undefined ? PORT_MAXIMUM : portNumber(last, text.slice(colon + 1), names, protocol);
      if (low > high) throw new ValueError('invalid portrange (min > max)');
      return { low, high };
    },
  };
}

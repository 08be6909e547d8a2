// A protocol, by number or name.

import { parseValue } from '../../../grammar/parse.ts';
import { ValueError, type ValueType } from '../extension.ts';

export const protocol: ValueType<number> = {
  placeholder: 'protocol',
  parse(text, { names }) {
    const parsed = parseValue('protocol', text);
    const number =
      parsed.ok && 'number' in parsed.node && parsed.node.number <= 255
        ? parsed.node.number
        : names.protocolNumber(text);
    if (number === undefined) throw new ValueError(`unknown protocol "${text}" specified`);
    return number;
  },
};

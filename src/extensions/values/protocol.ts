// A protocol, by number or name.

import { parseValue } from '../../../grammar/parse.ts';
import type { Names } from '../../base/names.ts';
import { ValueError, type ValueType } from '../extension.ts';

export const protocol: ValueType<number> = {
  placeholder: 'protocol',
  parse: (text, { names }) => protocolNumber(text, names),
};

/** The number of a protocol, 0 for all; throws `ValueError` for an unknown one. */
export function protocolNumber(text: string, names: Names): number {
  const parsed = parseValue('protocol', text);
  const isNumber = parsed.ok && 'number' in parsed.node && parsed.node.number <= 255;
  const number = isNumber ? parsed.node.number : names.protocolNumber(text);
  if (number === undefined) throw new ValueError(`unknown protocol "${text}" specified`);
  return number;
}

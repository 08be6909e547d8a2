// Numbers for which the machine may have names.

import type { Names, NameTable } from '../../base/names.ts';
import { ValueError, type ValueType } from '../extension.ts';
import { type Masked, mark } from './integer.ts';
import { scanNumber } from './scan.ts';

const MOST = 0xffff_ffff;

/** `value[/mask]` of 32 bits, or a name where the machine has such names. */
export function namedMark(
  tableOf: (names: Names) => NameTable | undefined,
  placeholder = 'value[/mask]|name',
): ValueType<Masked> {
  return {
    placeholder,
    parse(text, context) {
      const table = tableOf(context.names);
      const rest = scanNumber(text, 0n, BigInt(MOST))?.rest;
      if (table === undefined || rest === '' || rest?.startsWith('/')) return mark.parse(text, context);
      const value = table.number(text);
      if (value !== undefined) return { value, mask: MOST };
      const { extension, option } = context;
      throw new ValueError(`${extension}: could not map name ${text} to an integer value for option "${option}".`);
    },
  };
}

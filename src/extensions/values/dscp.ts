// The names of Differentiated Services code points (IANA, Differentiated Services Field Codepoints).

import { ValueError, type ValueType } from '../extension.ts';
import { asciiUpper } from './choice.ts';

const CLASSES: readonly (readonly [name: string, value: number])[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => [`CS${n}`, n << 3] as const),
  ['BE', 0],
  ...[1, 2, 3, 4].flatMap((n) => [1, 2, 3].map((drop) => [`AF${n}${drop}`, (n << 3) | (drop << 1)] as const)),
  ['EF', 0x2e],
];

/** A name in any case of letters; iptables takes no notice of what follows it. */
export const dscpClass: ValueType<number> = {
  placeholder: 'class',
  parse(text) {
    const found = CLASSES.find(([name]) => asciiUpper(text).startsWith(name));
    if (found === undefined) throw new ValueError(`Invalid DSCP value \`${text}'`);
    return found[1];
  },
};

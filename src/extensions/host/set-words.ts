// The words that name a set of ipset(8) in a rule, for the match and the target alike.

import { parseValue } from '../../../grammar/parse.ts';
import { ValueError, type ValueType } from '../extension.ts';

/** Where a part of an element is looked for in the packet. */
export type Side = 'src' | 'dst';

/** Bytes of a name (IPSET_MAXNAMELEN in include/uapi/linux/netfilter/ipset/ip_set.h, less the final zero). */
const NAME_LIMIT = 31;
/** Parts of an element (IPSET_DIM_MAX). */
const MOST_SIDES = 6;
const MOST_COUNT = (1n << 64n) - 1n;

/** The name of a set that exists, where the kernel is asked. */
export const setName: ValueType<string> = {
  placeholder: 'set',
  parse(text, { names, family }) {
    if (Buffer.byteLength(text) > NAME_LIMIT) {
      throw new ValueError(`setname \`${text}' too long, max ${NAME_LIMIT} characters.`);
    }
    if (names.kernel === undefined) return text;
    const found = names.kernel.set(text);
    if (found === undefined) throw new ValueError(`Set ${text} doesn't exist.`);
    if (found !== 'any' && found !== family) {
      const other = found === 'ipv4' ? 'IPv4' : 'IPv6';
      throw new ValueError(`The protocol family of set ${text} is ${other}, which is not applicable.`);
    }
    return text;
  },
};

/** `src` and `dst` between commas; what follows the three letters counts for nothing. */
export const directions: ValueType<readonly Side[]> = {
  placeholder: 'src|dst[,…]',
  parse(text) {
    const parsed = parseValue('words', text);
    const given = parsed.ok ? parsed.node : [text];
    const sides = given.slice(0, MOST_SIDES).map((word) => {
      if (word.startsWith('src')) return 'src';
      if (word.startsWith('dst')) return 'dst';
      throw new ValueError("You must spefify (the comma separated list of) 'src' or 'dst'.");
    });
    if (given.length > MOST_SIDES) throw new ValueError(`Can't be more src/dst options than ${MOST_SIDES}.`);
    return sides;
  },
};

/** What a counter is compared with. */
export function countOf(text: string): bigint | undefined {
  const parsed = parseValue('integer', text);
  return parsed.ok && parsed.node <= MOST_COUNT ? parsed.node : undefined;
}

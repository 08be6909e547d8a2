// `-j TOS`: sets bits of the Type of Service, of IPv6 the Traffic Class. Kernel: net/netfilter/xt_DSCP.c, revision 1.

import { ExtensionError, type TargetExtension } from '../extension.ts';
import { hex } from '../print-words.ts';
import { type Masked, uint8 } from '../values/integer.ts';
import { tosMask, tosName } from '../values/tos.ts';

/** The bits of `mask` are cleared, then those of `value` flipped: what every one of the options comes down to. */
export type TosData = Masked;

const NAMES = ['--set-tos', '--and-tos', '--or-tos', '--xor-tos'];

/** The bits that a name stands for: all but the lower two of the precedence. */
const NAME_MASK = 0x3f;

function option(name: string, about: string) {
  const values = [name === '--set-tos' ? tosMask(NAME_MASK) : uint8];
  return { name, values, excludes: NAMES.filter((other) => other !== name), about };
}

export const tosTarget: TargetExtension<TosData> = {
  kind: 'target',
  name: 'TOS',
  about: 'sets bits of the Type of Service, or of the Traffic Class',
  options: [
    option('--set-tos', 'clears the bits of the mask, then flips those of the value; or a name'),
    option('--and-tos', 'clears all but these bits'),
    option('--or-tos', 'sets these bits'),
    option('--xor-tos', 'flips these bits'),
  ],
  tables: ['mangle'],
  build(options) {
    const [use] = options;
    if (use === undefined) throw new ExtensionError('missing-option', 'TOS: An action is required');
    const bits = use.values[0] as number;
    if (use.name === '--and-tos') return { value: 0, mask: ~bits & 0xff };
    if (use.name === '--or-tos') return { value: bits, mask: bits };
    if (use.name === '--xor-tos') return { value: bits, mask: 0 };
    return use.values[0] as TosData;
  },
  print: ({ value, mask }) => ['--set-tos', `${hex(value, 2)}/${hex(mask, 2)}`],
  list({ value, mask }, { numeric }) {
    const set = `TOS set ${hex(value, 2)}/${hex(mask, 2)}`;
    if (numeric) return set;
    const name = mask === NAME_MASK ? tosName(value) : undefined;
    // iptables puts the blank in front of its words rather than between them.
    if (name !== undefined) return ` TOS set${name}`;
    if (value === 0) return `TOS and ${hex(~mask & 0xff, 2)}`;
    if (value === mask) return `TOS or ${hex(value, 2)}`;
    return mask === 0 ? `TOS xor ${hex(value, 2)}` : set;
  },
};

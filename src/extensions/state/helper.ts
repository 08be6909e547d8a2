// `-m helper`: the protocol helper of a connection. Kernel: net/netfilter/xt_helper.c.

import type { MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { quoteText } from '../quote.ts';
import { keptText } from '../values/kept-text.ts';

export interface HelperData {
  /** Empty for any helper. */
  readonly name: string;
  readonly negated: boolean;
}

/** Bytes of a name (include/uapi/linux/netfilter/xt_helper.h, less the final zero). */
const LIMIT = 29;

export const helper: MatchExtension<HelperData> = {
  kind: 'match',
  name: 'helper',
  about: 'the helper of the connection',
  options: [
    {
      ...{ name: '--helper', values: [keptText(LIMIT, 0, 'name')], negatable: true, required: true },
      about: 'the helper of that name, `name-port` for one of several ports; empty for any',
    },
  ],
  build(options) {
    const { values, negated } = options[0]!;
    return { name: values[0] as string, negated };
  },
  print: ({ name, negated }) => negatable(negated, '--helper', quoteText(name)),
  list: ({ name, negated }) => `helper match ${negated ? '! ' : ''}"${name}"`,
};

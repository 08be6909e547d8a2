// `-m nfacct`: counts packets in an object that nfacct(8) made; matches every packet. Kernel: net/netfilter/xt_nfacct.c.

import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { quoteText } from '../quote.ts';
import { keptText } from '../values/kept-text.ts';

export interface NfacctData {
  readonly name: string;
}

/** Bytes of a name (NFACCT_NAME_MAX in include/uapi/linux/netfilter/nfnetlink_acct.h, less the final zero). */
const LIMIT = 31;
const kept = keptText(LIMIT, 1, 'name');

const name: ValueType<string> = {
  ...kept,
  parse(text, context) {
    const name = kept.parse(text, context);
    if (text.includes('\n')) throw new ValueError('Newlines not allowed in --nfacct-name');
    return name;
  },
};

export const nfacct: MatchExtension<NfacctData> = {
  kind: 'match',
  name: 'nfacct',
  about: 'counts packets in an object of nfacct(8); matches every packet',
  options: [{ name: '--nfacct-name', values: [name], required: true, about: 'name of the object' }],
  build: (options) => ({ name: options[0]!.values[0] as string }),
  check({ name }, { kernel }) {
    if (kernel?.accounting(name) !== false) return undefined;
    return { message: `there is no accounting object ${name}`, reason: 'No chain/target/match by that name' };
  },
  // iptables-save puts two blanks in front of the name.
  print: ({ name }) => ['--nfacct-name', '', quoteText(name)],
  list: ({ name }) => `nfacct-name  ${quoteText(name)}`,
};

// `-m ecn`: Explicit Congestion Notification (RFC 3168). Kernel: net/netfilter/xt_ecn.c.

import { ExtensionError, type MatchExtension, type OptionUse } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { useOf } from '../uses.ts';
import { integer } from '../values/integer.ts';

interface FlagCondition {
  readonly negated: boolean;
}

export interface EcnData {
  readonly ece?: FlagCondition;
  readonly cwr?: FlagCondition;
  /** The code point in the IP header, 0–3. */
  readonly ect?: { readonly value: number; readonly negated: boolean };
}

export const ecn: MatchExtension<EcnData> = {
  kind: 'match',
  name: 'ecn',
  about: 'Explicit Congestion Notification',
  options: [
    { name: '--ecn-tcp-cwr', values: [], negatable: true, about: 'TCP has CWR set' },
    { name: '--ecn-tcp-ece', values: [], negatable: true, about: 'TCP has ECE set' },
    { name: '--ecn-ip-ect', values: [integer(3)], negatable: true, about: 'the code point in the IP header' },
  ],

  precheck(options) {
    if (options.length === 0) throw new ExtensionError('missing-option', 'ECN match: some option required');
  },

  build(options) {
    const find = (name: string) => useOf(options, name);
    const flag = (use: OptionUse | undefined) => use && { negated: use.negated };
    const [ece, cwr, use] = [flag(find('--ecn-tcp-ece')), flag(find('--ecn-tcp-cwr')), find('--ecn-ip-ect')];
    const ect = use && { value: use.values[0] as number, negated: use.negated };
    return { ...(ece && { ece }), ...(cwr && { cwr }), ...(ect && { ect }) };
  },

  check({ ece, cwr }, { protocol, protocolNegated }) {
    if ((ece ?? cwr) === undefined || (protocol === 6 && !protocolNegated)) return undefined;
    return 'the flags of TCP are only in packets of TCP: `-p tcp` is missing';
  },

  print: ({ ece, cwr, ect }) => [
    ...(ece ? negatable(ece.negated, '--ecn-tcp-ece') : []),
    ...(cwr ? negatable(cwr.negated, '--ecn-tcp-cwr') : []),
    ...(ect ? negatable(ect.negated, '--ecn-ip-ect', `${ect.value}`) : []),
  ],

  list({ ece, cwr, ect }) {
    const show = (condition: FlagCondition | undefined, text: string) =>
      condition ? ` ${condition.negated ? '!' : ''}${text}` : '';
    return `ECN match${show(ece, 'ECE')}${show(cwr, 'CWR')}${show(ect, `ECT=${ect?.value}`)}`;
  },
};

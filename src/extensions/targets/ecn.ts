// `-j ECN`: sets the bits of Explicit Congestion Notification (RFC 3168). Kernel: net/ipv4/netfilter/ipt_ECN.c.

import { ExtensionError, type OptionUse, type TargetExtension } from '../extension.ts';
import { integer } from '../values/integer.ts';

/** What the bits are set to; those that are absent stay. */
export interface EcnTargetData {
  readonly ece?: number;
  readonly cwr?: number;
  readonly codepoint?: number;
}

const TCP = 6;

const bit = [integer(1)];

export const ecnTarget: TargetExtension<EcnTargetData> = {
  kind: 'target',
  name: 'ECN',
  families: ['ipv4'],
  about: 'sets the bits of Explicit Congestion Notification',
  options: [
    {
      name: '--ecn-tcp-remove',
      values: [],
      excludes: ['--ecn-tcp-cwr', '--ecn-tcp-ece'],
      about: 'clears both bits of the TCP header',
    },
    { name: '--ecn-tcp-cwr', values: bit, excludes: ['--ecn-tcp-remove'], about: 'sets CWR to 0 or 1' },
    { name: '--ecn-tcp-ece', values: bit, excludes: ['--ecn-tcp-remove'], about: 'sets ECE to 0 or 1' },
    { name: '--ecn-ip-ect', values: [integer(3)], about: 'sets the code point of the IP header, 0 to 3' },
  ],
  tables: ['mangle'],
  build(options) {
    if (options.length === 0) throw new ExtensionError('missing-option', 'ECN target: An operation is required');
    return options.reduce(change, {});
  },
  check({ ece, cwr }, { protocol, protocolNegated }) {
    if ((ece === undefined && cwr === undefined) || (protocol === TCP && !protocolNegated)) return undefined;
    return 'ECN changes the TCP header only where the rule has `-p tcp`';
  },
  print(data) {
    if (isRemoval(data)) return ['--ecn-tcp-remove'];
    return wordsOf(data, ['--ecn-tcp-ece', '--ecn-tcp-cwr', '--ecn-ip-ect']).flat();
  },
  list(data) {
    if (isRemoval(data)) return 'ECN TCP remove';
    return ['ECN', ...wordsOf(data, ['ECE', 'CWR', 'ECT codepoint']).map((word) => word.join('='))].join(' ');
  },
};

/** To remove both bits starts afresh: a code point that was given before it is lost. */
function change(data: EcnTargetData, { name, values }: OptionUse): EcnTargetData {
  const value = values[0] as number;
  if (name === '--ecn-tcp-remove') return { ece: 0, cwr: 0 };
  if (name === '--ecn-tcp-cwr') return { ...data, cwr: value };
  return name === '--ecn-tcp-ece' ? { ...data, ece: value } : { ...data, codepoint: value };
}

function isRemoval({ ece, cwr, codepoint }: EcnTargetData): boolean {
  return ece === 0 && cwr === 0 && codepoint === undefined;
}

function wordsOf({ ece, cwr, codepoint }: EcnTargetData, names: readonly string[]): string[][] {
  return [ece, cwr, codepoint].flatMap((value, i) => (value === undefined ? [] : [[names[i]!, `${value}`]]));
}

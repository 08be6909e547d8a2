// `-m ipvs`: the connection of IP Virtual Server that a packet belongs to. Kernel: net/netfilter/xt_ipvs.c.

import { ExtensionError, type ListContext, type MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { choiceAnyCase } from '../values/choice.ts';
import { formatHostPrefix, type HostPrefix, hostPrefix, listHostPrefix } from '../values/host-prefix.ts';
import { protocol } from '../values/protocol.ts';
import { resolvedPort } from '../values/resolved-port.ts';

interface Condition<T> {
  readonly value: T;
  readonly negated: boolean;
}

export interface IpvsData {
  /** `--ipvs` alone; any other condition implies that there is a connection. */
  readonly ipvs?: Condition<null>;
  readonly vproto?: Condition<number>;
  readonly vaddr?: Condition<HostPrefix>;
  readonly vport?: Condition<number>;
  readonly vdir?: Condition<'ORIGINAL' | 'REPLY'>;
  readonly vmethod?: Condition<'GATE' | 'IPIP' | 'MASQ'>;
  readonly vportctl?: Condition<number>;
}

/** In the order in which iptables prints them. */
const FIELDS = ['ipvs', 'vproto', 'vaddr', 'vport', 'vdir', 'vmethod', 'vportctl'] as const;

const badValue = (option: string) => (text: string) => `ipvs: Bad value for "${option}" option: "${text}"`;
const direction = choiceAnyCase(['ORIGINAL', 'REPLY'], badValue('--vdir'));
const method = choiceAnyCase(['GATE', 'IPIP', 'MASQ'], badValue('--vmethod'));

export const ipvs: MatchExtension<IpvsData> = {
  kind: 'match',
  name: 'ipvs',
  about: 'connection of IP Virtual Server',
  options: [
    { name: '--ipvs', values: [], negatable: true, about: 'there is one' },
    { name: '--vproto', values: [protocol], negatable: true, about: 'protocol of the service' },
    { name: '--vaddr', values: [hostPrefix], negatable: true, about: 'address of the service' },
    { name: '--vport', values: [resolvedPort], negatable: true, about: 'port of the service' },
    { name: '--vdir', values: [direction], about: 'direction of the packet' },
    { name: '--vmethod', values: [method], negatable: true, about: 'how the packets are passed on' },
    { name: '--vportctl', values: [resolvedPort], negatable: true, about: 'port of the controlling connection' },
  ],

  precheck(options) {
    if (options.length === 0) throw new ExtensionError('missing-option', 'IPVS: At least one option is required');
    if (options.length > 1 && options.some(({ name, negated }) => name === '--ipvs' && negated)) {
      throw new ExtensionError('excluded-option', '! --ipvs cannot be together with other options', '--ipvs');
    }
  },

  build(options) {
    const others = options.filter(({ name }) => name !== '--ipvs');
    const conditions = others.length === 0 ? options : others;
    const entries = conditions.map(({ name, values, negated }) => [
      name.slice(2),
      { value: values[0] ?? null, negated },
    ]);
    return Object.fromEntries(entries) as IpvsData;
  },

  print: (data, { family }) => words(data, '--', (address) => formatHostPrefix(address, family)),
  list(data, { family, numeric }: ListContext) {
    return words(data, '', (address) => listHostPrefix(address, family, numeric)).join(' ');
  },
};

function words(data: IpvsData, prefix: string, showAddress: (address: HostPrefix) => string): readonly string[] {
  return FIELDS.flatMap((field) => {
    const condition = data[field];
    if (condition === undefined) return [];
    const { value, negated } = condition;
    if (value === null) return negatable(negated, `${prefix}${field}`);
    return negatable(negated, `${prefix}${field}`, typeof value === 'object' ? showAddress(value) : `${value}`);
  });
}

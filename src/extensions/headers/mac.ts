// `-m mac`: the hardware address that a packet comes from. Kernel: net/netfilter/xt_mac.c.

import { parseValue } from '../../../grammar/parse.ts';
import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';

export interface MacData {
  /** Six octets. */
  readonly address: readonly number[];
  readonly negated: boolean;
}

const hardwareAddress: ValueType<readonly number[]> = {
  placeholder: 'XX:XX:XX:XX:XX:XX',
  parse(text) {
    const parsed = parseValue('hardwareAddress', text);
    if (!parsed.ok || parsed.node.length !== 6) throw new ValueError('Invalid MAC address specified.');
    return parsed.node;
  },
};

export const mac: MatchExtension<MacData> = {
  kind: 'match',
  name: 'mac',
  about: 'hardware address that the packet comes from',
  chains: ['PREROUTING', 'INPUT', 'FORWARD'],
  options: [{ name: '--mac-source', values: [hardwareAddress], negatable: true, required: true, about: 'the address' }],
  build(options) {
    const { values, negated } = options[0]!;
    return { address: values[0] as readonly number[], negated };
  },
  print: ({ address, negated }) => negatable(negated, '--mac-source', text(address)),
  list: ({ address, negated }) => `MAC ${negated ? '! ' : ''}${text(address)}`,
};

function text(address: readonly number[]): string {
  return address.map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}

// `-m pkttype`: whom the link layer says a packet is for. Kernel: net/netfilter/xt_pkttype.c.

import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { asciiUpper } from '../values/choice.ts';

export type PacketType = 'unicast' | 'broadcast' | 'multicast' | 'otherhost';

export interface PkttypeData {
  readonly type: PacketType;
  readonly negated: boolean;
}

const NAMES: ReadonlyMap<string, PacketType> = new Map([
  ['UNICAST', 'unicast'],
  ['BROADCAST', 'broadcast'],
  ['MULTICAST', 'multicast'],
  ['OTHERHOST', 'otherhost'],
  ['BCAST', 'broadcast'],
  ['MCAST', 'multicast'],
  ['HOST', 'unicast'],
]);

const packetType: ValueType<PacketType> = {
  placeholder: 'unicast|broadcast|multicast|otherhost',
  parse(text) {
    const type = NAMES.get(asciiUpper(text));
    if (type === undefined) throw new ValueError(`Bad packet type '${text}'`);
    return type;
  },
};

export const pkttype: MatchExtension<PkttypeData> = {
  kind: 'match',
  name: 'pkttype',
  about: 'whom the link layer says the packet is for',
  options: [{ name: '--pkt-type', values: [packetType], negatable: true, required: true, about: 'the type' }],
  build(options) {
    const { values, negated } = options[0]!;
    return { type: values[0] as PacketType, negated };
  },
  print: ({ type, negated }) => negatable(negated, '--pkt-type', type),
  list: ({ type, negated }) => `PKTTYPE ${negated ? '!' : ''}= ${type}`,
};

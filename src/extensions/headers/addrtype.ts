// `-m addrtype`: what the routing tables say of an address. Kernel: net/netfilter/xt_addrtype.c, revision 1.

import type { BuiltinChain } from '../../base/hooks.ts';
import {
  type CheckContext,
  ExtensionError,
  type MatchExtension,
  type OptionUse,
  ValueError,
  type ValueType,
} from '../extension.ts';
import { negatable } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';
import { asciiUpper } from '../values/choice.ts';

/** By number (include/uapi/linux/rtnetlink.h, RTN_UNSPEC and on). */
export const ADDRESS_TYPES = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const;
export type AddressType = (typeof ADDRESS_TYPES)[number];

interface TypeCondition {
  /** Without repetition, in the order of `ADDRESS_TYPES`. */
  readonly types: readonly AddressType[];
  readonly negated: boolean;
}

export interface AddrtypeData {
  readonly source?: TypeCondition;
  readonly destination?: TypeCondition;
  /** Only addresses of the device that the packet came in by, or goes out by, count. */
  readonly limit?: 'in' | 'out';
}

const types: ValueType<readonly AddressType[]> = {
  placeholder: 'type[,type…]',
  parse(text) {
    const words = text.split(',');
    const found = words.map((word, i) => {
      const type = word && ADDRESS_TYPES.find((name) => name.startsWith(asciiUpper(word)));
      if (type) return type;
      const rest = words.slice(i).join(',');
      throw new ValueError(`addrtype: bad type ${i === words.length - 1 ? `"${rest}"` : `\`${rest}'`}`);
    });
    return ADDRESS_TYPES.filter((type) => found.includes(type));
  },
};

/** Types that the routing of IPv6 does not have. */
const NOT_IN_IPV6: readonly AddressType[] = ['BROADCAST', 'BLACKHOLE', ...ADDRESS_TYPES.slice(8)];

const INCOMING: readonly BuiltinChain[] = ['PREROUTING', 'INPUT'];
const OUTGOING: readonly BuiltinChain[] = ['POSTROUTING', 'OUTPUT'];

export const addrtype: MatchExtension<AddrtypeData> = {
  kind: 'match',
  name: 'addrtype',
  about: 'type of the addresses: local, broadcast …',
  options: [
    { name: '--src-type', values: [types], negatable: true, about: 'the source is of one of these types' },
    { name: '--dst-type', values: [types], negatable: true, about: 'the destination is of one of these types' },
    {
      ...{ name: '--limit-iface-in', values: [], excludes: ['--limit-iface-out'] },
      about: 'as the device has it that the packet came in by',
    },
    {
      ...{ name: '--limit-iface-out', values: [], excludes: ['--limit-iface-in'] },
      about: 'as the device has it that the packet goes out by',
    },
  ],

  precheck(options) {
    if (isGiven(options, '--src-type') || isGiven(options, '--dst-type')) return;
    throw new ExtensionError('missing-option', 'addrtype: you must specify --src-type or --dst-type');
  },

  build(options) {
    const source = condition(useOf(options, '--src-type'));
    const destination = condition(useOf(options, '--dst-type'));
    const limit = isGiven(options, '--limit-iface-in')
      ? 'in'
      : isGiven(options, '--limit-iface-out')
        ? 'out'
        : undefined;
    return { ...(source && { source }), ...(destination && { destination }), ...(limit && { limit }) };
  },

  check: checkAddrtype,

  print: ({ source, destination, limit }) => [
    ...(source ? negatable(source.negated, '--src-type', source.types.join(',')) : []),
    ...(destination ? negatable(destination.negated, '--dst-type', destination.types.join(',')) : []),
    ...(limit ? [`--limit-iface-${limit}`] : []),
  ],

  list({ source, destination, limit }) {
    const show = (label: string, condition: TypeCondition | undefined) =>
      condition ? ` ${label} ${condition.negated ? '!' : ''}${condition.types.join(',')}` : '';
    return `ADDRTYPE match${show('src-type', source)}${show('dst-type', destination)}${limit ? ` limit-${limit}` : ''}`;
  },
};

function condition(use: OptionUse | undefined): TypeCondition | undefined {
  return use && { types: use.values[0] as readonly AddressType[], negated: use.negated };
}

function checkAddrtype(data: AddrtypeData, { family, chains }: CheckContext): string | undefined {
  const lacking = data.limit && (data.limit === 'in' ? OUTGOING : INCOMING);
  const chain = chains.find((each) => lacking?.includes(each));
  if (chain) return `in ${chain} a packet has no device that --limit-iface-${data.limit} could mean`;
  if (family === 'ipv4') return undefined;
  const asked = [...(data.source?.types ?? []), ...(data.destination?.types ?? [])];
  const unknown = asked.find((type) => NOT_IN_IPV6.includes(type));
  return unknown && `IPv6 has no addresses of type ${unknown}`;
}

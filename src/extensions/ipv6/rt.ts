// `-m rt`: the routing header of IPv6 (RFC 8200; type 0: RFC 5095). Kernel: net/ipv6/netfilter/ip6t_rt.c.

import { formatAddress6, parseAddress6 } from '../../base/ipv6.ts';
import { ExtensionError, type MatchExtension, type OptionUse } from '../extension.ts';
import { labelledRange, type RangeCondition, range32Of, rangeText } from '../headers/range.ts';
import { negatable } from '../print-words.ts';
import { firstValue, isGiven, useOf } from '../uses.ts';
import { integers, uint32 } from '../values/integer.ts';
import { text } from '../values/text.ts';

interface NumberCondition {
  readonly value: number;
  readonly negated: boolean;
}

export interface RtData {
  readonly type?: NumberCondition;
  /** Segments that are left; absent for any number. */
  readonly segmentsLeft?: RangeCondition;
  readonly length?: NumberCondition;
  /** The reserved field must be zero. */
  readonly reserved: boolean;
  /** Addresses that the header lists, one or more. */
  readonly addresses?: readonly bigint[];
  /** Others may stand between them. */
  readonly notStrict: boolean;
}

/** Addresses that one match has room for (IP6T_RT_HOPS in include/uapi/linux/netfilter_ipv6/ip6t_rt.h). */
const MOST = 16;

export const rt: MatchExtension<RtData> = {
  kind: 'match',
  name: 'rt',
  families: ['ipv6'],
  about: 'routing header',
  options: [
    { name: '--rt-type', values: [uint32], negatable: true, about: 'type of the header' },
    { name: '--rt-segsleft', values: [integers(32)], negatable: true, about: 'segments left, or a range' },
    { name: '--rt-len', values: [uint32], negatable: true, about: 'length of the header' },
    {
      ...{ name: '--rt-0-res', values: [], about: 'type 0: the reserved field is zero' },
      atOnce: demandTypeZero,
    },
    {
      ...{ name: '--rt-0-addrs', values: [text({}, 'address,…')] },
      about: 'type 0: addresses in the header, in order',
      // Only now: that the type is missing comes first.
      atOnce(use, earlier) {
        demandTypeZero(use, earlier);
        addressList(use.values[0] as string);
      },
    },
    {
      ...{ name: '--rt-0-not-strict', values: [] },
      about: 'type 0: other addresses may stand between them',
      atOnce(use, earlier) {
        if (!isGiven(earlier, '--rt-0-addrs')) throw required('--rt-0-addr ...', use);
      },
    },
  ],

  build(options) {
    const find = (name: string) => useOf(options, name);
    const number = (use: OptionUse | undefined) => use && { value: use.values[0] as number, negated: use.negated };
    const [type, length] = [number(find('--rt-type')), number(find('--rt-len'))];
    const segmentsLeft = range32Of(find('--rt-segsleft'));
    const addresses = firstValue<string>(options, '--rt-0-addrs');
    return {
      ...(type && { type }),
      ...(segmentsLeft && { segmentsLeft }),
      ...(length && { length }),
      reserved: isGiven(options, '--rt-0-res'),
      ...(addresses !== undefined && { addresses: addressList(addresses) }),
      notStrict: isGiven(options, '--rt-0-not-strict'),
    };
  },

  print: ({ type, segmentsLeft, length, reserved, addresses, notStrict }) => [
    ...(type ? negatable(type.negated, '--rt-type', `${type.value}`) : []),
    ...(segmentsLeft ? negatable(segmentsLeft.negated, '--rt-segsleft', rangeText(segmentsLeft)) : []),
    ...(length ? negatable(length.negated, '--rt-len', `${length.value}`) : []),
    ...(reserved ? ['--rt-0-res'] : []),
    ...(addresses ? ['--rt-0-addrs', listed(addresses)] : []),
    ...(notStrict ? ['--rt-0-not-strict'] : []),
  ],

  list({ type, segmentsLeft, length, reserved, addresses, notStrict }) {
    const words = [
      'rt',
      // As a signed number.
      ...(type ? [`type:${type.negated ? '!' : ''}${type.value | 0}`] : []),
      ...(segmentsLeft ? [labelledRange('segsleft', segmentsLeft)] : []),
      ...(length ? [`length:${length.negated ? '!' : ''}${length.value}`] : []),
      ...(reserved ? ['reserved'] : []),
      ...(addresses ? ['0-addrs', listed(addresses)] : []),
      ...(notStrict ? ['0-not-strict'] : []),
    ];
    return words.join(' ');
  },
};

function demandTypeZero(use: OptionUse, earlier: readonly OptionUse[]): void {
  const type = useOf(earlier, '--rt-type');
  if (type === undefined || type.values[0] !== 0 || type.negated) throw required('--rt-type 0', use);
}

/** What an option needs must stand in front of it. */
function required(needed: string, { name }: OptionUse): ExtensionError {
  return new ExtensionError('missing-option', `\`${needed}' required before \`${name}'`, name);
}

function addressList(text: string): readonly bigint[] {
  return text.split(',').map((word, i) => {
    const refuse = (message: string) => new ExtensionError('bad-value', message, '--rt-0-addrs');
    if (i === MOST) throw refuse('too many addresses specified');
    const address = parseAddress6(word);
    if (address === undefined) throw refuse(`bad address: ${word}`);
    return address;
  });
}

function listed(addresses: readonly bigint[]): string {
  return addresses.map(formatAddress6).join(',');
}

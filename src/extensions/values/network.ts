// Networks of which iptables keeps the prefix length: a mask with holes has none, which the kernel refuses in the end.

import { type Address, prefixLength } from '../../base/address.ts';
import { ADDRESS_BITS, type Family } from '../../base/family.ts';
import { prefixMask } from '../../base/ipv4.ts';
import { prefixMask6 } from '../../base/ipv6.ts';
import type { ValueContext, ValueType } from '../extension.ts';
import { numericHost } from './address.ts';
import { type HostPrefix, hostWith, prefix } from './host-prefix.ts';
import { scanNumber } from './scan.ts';

/** The length of a mask with holes, longer than any address has bits. */
const NO_PREFIX = 255;

/** A prefix length, as a number or as a mask; `NO_PREFIX` where the mask has holes. */
export const keptPrefix: ValueType<number> = {
  placeholder: 'length',
  parse(text, context) {
    const length = prefix.parse(text, context);
    return length === ADDRESS_BITS[context.family] && hasHoles(text, context) ? NO_PREFIX : length;
  },
};

function hasHoles(text: string, { family }: ValueContext): boolean {
  const isLength = scanNumber(text, 0n, BigInt(ADDRESS_BITS[family]))?.rest === '';
  const mask = isLength ? undefined : numericHost(text, family);
  return mask !== undefined && prefixLength(mask) === undefined;
}

export const network = hostWith(keptPrefix);

/** The address without the bits behind the prefix; where there is none, all of it. */
export function maskedTo({ address, length }: HostPrefix, family: Family): Address {
  if (length > ADDRESS_BITS[family]) return address;
  return typeof address === 'number' ? (address & prefixMask(length)) >>> 0 : address & prefixMask6(length);
}

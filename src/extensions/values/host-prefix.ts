// Hosts and prefix lengths as extensions take them (libxtables' HOST, HOSTMASK and PLENMASK types).

import { parseValue } from '../../../grammar/parse.ts';
import { type Address, formatAny, prefixLength } from '../../base/address.ts';
import { ADDRESS_BITS, type Family } from '../../base/family.ts';
import { type ValueContext, ValueError, type ValueType } from '../extension.ts';
import { host, numericHost } from './address.ts';

/** An address as written, bits behind the prefix included. */
export interface HostPrefix {
  readonly address: Address;
  readonly length: number;
}

export const prefix: ValueType<number> = { placeholder: 'length', parse: parsePrefix };

export const hostPrefix = hostWith(prefix);

/** `address[/length]`; without a length all bits count. `length` says how it is read. */
export function hostWith(length: ValueType<number>): ValueType<HostPrefix> {
  return {
    placeholder: 'address[/length]',
    parse(text, context) {
      const slash = text.indexOf('/');
      if (slash < 0) return { address: host.parse(text, context), length: ADDRESS_BITS[context.family] };
      const address = host.parse(text.slice(0, slash), context);
      return { address, length: length.parse(text.slice(slash + 1), context) };
    },
  };
}

/** A length, or a mask in the form of an address; one with holes counts as full, as in iptables. */
function parsePrefix(text: string, { family, extension, option }: ValueContext): number {
  const most = ADDRESS_BITS[family];
  const parsed = parseValue('integer', text);
  if (parsed.ok && parsed.node <= most) return Number(parsed.node);
  const mask = numericHost(text, family);
  if (mask !== undefined) return prefixLength(mask) ?? most;
  const told = `${extension}: bad value for option "${option}"`;
  throw new ValueError(`${told}, neither a valid network mask nor valid CIDR (0-${most}).`);
}

/** As iptables-save prints it: a full prefix is left out. */
export function formatHostPrefix({ address, length }: HostPrefix, family: Family): string {
  return length === ADDRESS_BITS[family] ? formatAny(address) : `${formatAny(address)}/${length}`;
}

/** As -L shows it: without -n, the address of zeros is `anywhere` whatever the prefix. */
export function listHostPrefix(value: HostPrefix, family: Family, numeric: boolean): string {
  return numeric || BigInt(value.address) !== 0n ? formatHostPrefix(value, family) : 'anywhere';
}

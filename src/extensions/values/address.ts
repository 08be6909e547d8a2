// Addresses of either family: with a mask as `-s` takes them, alone, and as lists; hosts by the names they have.

import type { HostNode } from '../../../grammar/nodes.ts';
import { parseValue } from '../../../grammar/parse.ts';
import type { Address, MaskedAny } from '../../base/address.ts';
import type { Family } from '../../base/family.ts';
import { prefixMask } from '../../base/ipv4.ts';
import { parseAddress6, prefixMask6 } from '../../base/ipv6.ts';
import type { Names } from '../../base/names.ts';
import { ValueError, type ValueType } from '../extension.ts';

/** `-s a,b/mask`: an address for each element, more where a name has more; equal ones are told once per element. */
export function maskedAddresses(text: string, family: Family, names: Names): readonly MaskedAny[] {
  const parsed = parseValue('addressList', text);
  if (!parsed.ok) return oddAddresses(text, family, names);
  return parsed.node.flatMap(({ host, mask }): readonly MaskedAny[] => {
    const bits = mask === undefined ? undefined : maskOf(mask, family);
    if (family === 'ipv4') {
      const m = (bits as number | undefined) ?? prefixMask(32);
      // An empty mask makes any name mean every address: iptables does not look it up.
      if (m === 0) return [{ value: 0, mask: 0 }];
      return distinct(addressesOf(host, family, names).map((a) => ((a as number) & m) >>> 0)).map((value) => ({
        value,
        mask: m,
      }));
    }
    const m = (bits as bigint | undefined) ?? prefixMask6(128);
    if (m === 0n) return [{ value: 0n, mask: 0n }];
    return distinct(addressesOf(host, family, names).map((a) => (a as bigint) & m)).map((value) => ({
      value,
      mask: m,
    }));
  });
}

/** What the grammar does not know: iptables takes one element after the other, and of each the mask first. */
function oddAddresses(text: string, family: Family, names: Names): readonly MaskedAny[] {
  const elements = text.split(',').map((element) => element.trimStart());
  if (elements.length > 1) return elements.flatMap((element) => maskedAddresses(element, family, names));
  const [element] = elements as [string];
  const slash = element.lastIndexOf('/');
  if (slash < 0) throw notFound(element);
  const mask = element.slice(slash + 1);
  const length = mask.trimStart();
  if (length !== mask && /^\+?[0-9][0-9a-fA-FxX]*$/.test(length)) {
    return maskedAddresses(`${element.slice(0, slash)}/${length}`, family, names);
  }
  if (!parseValue('addressList', `0/${mask}`).ok) throw new ValueError(`invalid mask \`${mask}' specified`);
  throw notFound(element.slice(0, slash));
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function notFound(text: string): ValueError {
  return new ValueError(`host/network \`${text}' not found`);
}

/** All addresses that a number or a name stands for, one at least. */
function addressesOf(host: HostNode, family: Family, names: Names): readonly Address[] {
  const number = family === 'ipv4' ? host.numbers && ipv4Of(host.numbers) : parseAddress6(host.text);
  if (number !== undefined) return [number];
  if (/^[0-9.]*$|[/ ]/.test(host.text)) throw notFound(host.text);
  const found = names.hostAddresses(host.text, family).flatMap((text) => numericHost(text, family) ?? []);
  if (found.length === 0) throw notFound(host.text);
  return found;
}

/** A prefix length, or a mask in the form of an address. */
function maskOf({ text, numbers = [] }: HostNode, family: Family): Address {
  const [length] = numbers;
  if (family === 'ipv4') {
    if (numbers.length === 1 && length! <= 32) return prefixMask(length!);
    if (numbers.length === 4 && numbers.every((octet) => octet <= 255)) return ipv4Of(numbers)!;
  } else {
    if (numbers.length === 1 && length! <= 128) return prefixMask6(length!);
    const mask = parseAddress6(text);
    if (mask !== undefined) return mask;
  }
  throw new ValueError(`invalid mask \`${text}' specified`);
}

/**
 * One to four numbers as an IPv4 address. Octets are filled up on the right, `10.1` is 10.1.0.0; where the last number is
 * no octet it fills what the others leave, `10.256` is 10.0.1.0 (inet_aton). Undefined for anything else.
 */
function ipv4Of(numbers: readonly number[]): number | undefined {
  const leading = numbers.slice(0, -1);
  const last = numbers.at(-1)!;
  if (leading.some((octet) => octet > 255)) return undefined;
  const address = leading.reduce((sum, octet, i) => sum + octet * 2 ** (24 - 8 * i), 0);
  const room = 2 ** (32 - 8 * leading.length);
  if (last <= 255) return address + last * (room / 256);
  return last < room ? address + last : undefined;
}

/** One address or the name of a host that has just one, as getaddrinfo(3) takes it. */
export const host: ValueType<Address> = {
  placeholder: 'address',
  parse(text, { family, names }) {
    const number = numericHost(text, family);
    if (number !== undefined) return number;
    // The zone of an address (RFC 4007) counts for nothing, and is looked at only where such an address is wanted.
    if (numericHost(text.replace(/%.*$/, ''), family === 'ipv4' ? 'ipv6' : 'ipv4') !== undefined) {
      throw new ValueError('getaddrinfo: Address family for hostname not supported');
    }
    const found = distinct(names.hostAddresses(text, family).flatMap((word) => numericHost(word, family) ?? []));
    if (found.length === 0) throw new ValueError('getaddrinfo: Name or service not known');
    if (found.length > 1) throw new ValueError(`${text} resolves to more than one address`);
    return found[0]!;
  },
};

/** An address as getaddrinfo(3) reads numbers, `undefined` for anything else. */
export function numericHost(text: string, family: Family): Address | undefined {
  if (family === 'ipv6') return parseAddress6(text.replace(/%[0-9]+$/, ''));
  return inetAton(text) ?? mappedIpv4(parseAddress6(text));
}

/** The IPv4 address in one like `::ffff:10.0.0.1` (RFC 4291, 2.5.5.2). */
function mappedIpv4(address: bigint | undefined): number | undefined {
  return address !== undefined && address >> 32n === 0xffffn ? Number(address & 0xffffffffn) : undefined;
}

/** One to four numbers of C's notation between dots; the last one fills what the others leave (inet_aton(3)). */
function inetAton(text: string): number | undefined {
  if (!/^[0-9]/.test(text) || /[^0-9a-fA-FxX.]/.test(text)) return undefined;
  const numbers = text.split('.').map((part) => {
    const parsed = parseValue('integer', part);
    return parsed.ok ? Number(parsed.node) : Number.NaN;
  });
  const last = numbers.pop()!;
  const room = 2 ** (32 - 8 * numbers.length);
  if (numbers.length > 3 || !(last < room) || !numbers.every((octet) => octet <= 255)) return undefined;
  return numbers.reduce((sum, octet, i) => sum + octet * 2 ** (24 - 8 * i), last);
}

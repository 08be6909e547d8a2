// Addresses of which the last octets may be left out: `10.1` is 10.1.0.0 (libxtables).

import type { Address } from '../../base/address.ts';
import type { Family } from '../../base/family.ts';
import { parseAddress6 } from '../../base/ipv6.ts';
import { scanNumber } from './scan.ts';

/** What iptables looks at of an IPv4 address, in bytes. */
const LIMIT = 19;

/** Undefined for what is no address; octets are numbers of C's notation. */
export function autocompletedAddress(text: string, family: Family): Address | undefined {
  if (family === 'ipv6') return parseAddress6(text);
  const [a, b, c, ...rest] = text.slice(0, LIMIT).split('.');
  const words = [a, b, c, ...(rest.length === 0 ? [] : [rest.join('.')])].filter((word) => word !== undefined);
  const octets = words.map((word) => scanNumber(word, 0n, 255n));
  if (octets.some((octet) => octet?.rest !== '')) return undefined;
  return octets.reduce((sum, octet, i) => sum + Number(octet!.value) * 2 ** (24 - 8 * i), 0);
}

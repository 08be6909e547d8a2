// IPv6 addresses and masks as ip6tables reads and prints them (RFC 4291).
//
// Addresses are unsigned 128-bit numbers: ::1 is 1n. Masks need not be contiguous.

/** A value with the bits that count: an address matches when `(address & mask) === value`. */
export interface MaskedAddress6 {
  /** Already masked. */
  readonly value: bigint;
  readonly mask: bigint;
}

const ALL = (1n << 128n) - 1n;

/** The mask of a prefix length 0–128. */
export function prefixMask6(length: number): bigint {
  return ALL ^ (ALL >> BigInt(length));
}

/** The prefix length of a contiguous mask, or `undefined` where it has holes. */
export function maskPrefix6(mask: bigint): number | undefined {
  const zeros = ALL ^ mask;
  if ((zeros & (zeros + 1n)) !== 0n) return undefined;
  return zeros === 0n ? 128 : 128 - zeros.toString(2).length;
}

/** Reads an address in any of its forms (RFC 4291, 2.2), `undefined` for anything else. */
export function parseAddress6(text: string): bigint | undefined {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted === null) return parseGroups(text);
  const octets = dotted.slice(2).map(Number);
  if (octets.some((octet) => octet > 255) || dotted.slice(2).some((octet) => /^0\d/.test(octet))) return undefined;
  const [a, b, c, d] = octets as [number, number, number, number];
  return parseGroups(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
}

function parseGroups(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = [...left!, ...(right ?? [])];
  if (given.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const missing = 8 - given.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = right === undefined ? left! : [...left!, ...new Array<string>(missing).fill('0'), ...right];
  return BigInt(`0x${groups.map((group) => group.padStart(4, '0')).join('')}`);
}

/** Prints an address as inet_ntop(3) does: the first longest run of two or more zero groups is left out. */
export function formatAddress6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((address >> BigInt(112 - 16 * i)) & 0xffffn));
  const run = longestZeros(groups);
  const embedsIpv4 = run.start === 0 && (run.length === 6 || (run.length === 5 && groups[5] === 0xffff));
  const words = groups.map((group) => group.toString(16));
  const tail = embedsIpv4 ? [dottedTail(groups[6]!, groups[7]!)] : words.slice(6);
  const all = [...words.slice(0, 6), ...tail];
  if (run.length < 2) return all.join(':');
  return `${all.slice(0, run.start).join(':')}::${all.slice(run.start + run.length).join(':')}`;
}

function dottedTail(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

// The parts of random rules: addresses, devices, protocols, ports, flags, ICMP types, as iptables lets them be written.

import { type Address, formatAny, prefixLength } from '../../src/base/address.ts';
import type { Family } from '../../src/base/family.ts';
import { parseAddress6 } from '../../src/base/ipv6.ts';
import { allBits, and, bitsOf, maskFor, randomLike, xor } from './address-bits.ts';
import type { Choice } from './random.ts';
import type {
  AddressSpec,
  DeviceSpec,
  FlagsSpec,
  IcmpSpec,
  ProtocolSpec,
  RangeSpec,
  TransportMatchSpec,
} from './rule-spec.ts';

export const PORTS = [0, 1, 22, 53, 80, 443, 1023, 1024, 8080, 65534, 65535];

/** ICMP types and codes by the names that iptables takes (`iptables -p icmp -h`). */
const ICMP_NAMES: readonly (readonly [name: string, type: number, code?: number])[] = [
  ['echo-request', 8],
  ['echo-reply', 0],
  ['destination-unreachable', 3],
  ['port-unreachable', 3, 3],
  ['fragmentation-needed', 3, 4],
  ['redirect', 5],
  ['time-exceeded', 11],
  ['ttl-zero-during-transit', 11, 0],
];

const FLAG_NAMES: readonly (readonly [name: string, bit: number])[] = [
  ['FIN', 1],
  ['SYN', 2],
  ['RST', 4],
  ['PSH', 8],
  ['ACK', 16],
  ['URG', 32],
];

export function onePort(choice: Choice, pool: readonly number[]): RangeSpec {
  const port = choice.pick(pool);
  return { negated: false, low: port, high: port, text: `${port}` };
}

export function oneAddress(choice: Choice, pool: readonly Address[]): AddressSpec {
  const address = choice.pick(pool);
  return prefixOf(address, bitsOf(address));
}

/** An address of the pool, or one of its seven neighbours. */
export function nearAddress(choice: Choice, pool: readonly Address[]): Address {
  return xor(choice.pick(pool), choice.integer(0, 7));
}

/** The prefix of this length that the address is in. */
export function prefixOf(address: Address, length: number): AddressSpec {
  const mask = maskFor(address, length);
  const value = and(address, mask);
  return { negated: false, value, mask, text: `${formatAny(value)}/${length}` };
}

/** Masks with holes. */
const HOLES: readonly number[] = [0xff00ff00, 0xff0000ff, 0x00ffffff, 0xfffffffe ^ 0x100, 0xf0f0f0f0, 1].map(
  (mask) => mask >>> 0,
);
const HOLES6: readonly bigint[] = [
  ...['::ffff:ffff:ffff:ffff', 'ffff:ffff::ffff', 'ffff:ffff:0:ffff::', 'ff00:ff00::', '::1', '::ff00:0:ff'],
].map((text) => parseAddress6(text)!);

/** In the order of their weights, longest last but for the random one. */
const LENGTHS: Readonly<Record<32 | 128, readonly number[]>> = {
  32: [0, 8, 9, 16, 24, 30, 31, 32],
  128: [0, 16, 33, 48, 64, 126, 127, 128],
};
const LENGTH_WEIGHTS = [1, 2, 1, 3, 4, 2, 1, 8];

export function randomAddress(choice: Choice, pool: readonly Address[]): AddressSpec {
  const base = choice.chance(0.9) ? choice.pick(pool) : randomLike(choice, pool[0]!);
  const bits = bitsOf(base);
  const lengths = LENGTHS[bits].map((length, i) => [LENGTH_WEIGHTS[i]!, length] as const);
  const mask = choice.chance(0.1)
    ? choice.pick<Address>(bits === 32 ? HOLES : HOLES6)
    : maskFor(base, choice.weighted([...lengths, [2, choice.integer(1, bits)]]));
  const length = prefixLength(mask);
  const value = and(base, mask);
  // Bits outside the mask may be written, too: iptables drops them.
  const written = formatAny(choice.chance(0.2) ? base : value);
  const spelled = length === undefined || choice.chance(0.1);
  const isWhole = mask === allBits(base);
  const suffix = spelled ? `/${formatAny(mask)}` : isWhole && choice.chance(0.3) ? '' : `/${length}`;
  return { negated: choice.chance(0.2), value, mask, text: written + suffix };
}

export function randomDevice(choice: Choice, devices: readonly string[]): DeviceSpec {
  const device = choice.pick(devices);
  const name = choice.weighted([
    [8, device],
    [3, `${device.slice(0, choice.integer(0, device.length))}+`],
    [1, `${device}+`],
    [1, choice.pick(['eth', 'eth00', 'wlan0', 'a23456789012345'])],
  ]);
  return { negated: choice.chance(0.25), name };
}

export function randomProtocol(choice: Choice, family: Family): ProtocolSpec {
  const [number, text] = choice.weighted<readonly [number, string]>([...COMMON_PROTOCOLS, ...PROTOCOLS[family]]);
  return { negated: number !== 0 && choice.chance(0.12), number, text };
}

type WeightedProtocol = readonly [weight: number, protocol: readonly [number: number, text: string]];

const COMMON_PROTOCOLS: readonly WeightedProtocol[] = [
  [10, [6, 'tcp']],
  [6, [17, 'udp']],
  [1, [6, '6']],
  [1, [17, '17']],
  [1, [50, 'esp']],
  [1, [132, 'sctp']],
  [1, [136, 'udplite']],
  [1, [47, '47']],
  [1, [255, '255']],
];

const PROTOCOLS: Readonly<Record<Family, readonly WeightedProtocol[]>> = {
  ipv4: [
    [6, [1, 'icmp']],
    [1, [1, '1']],
    [1, [0, 'all']],
  ],
  // With headers that are walked over, which no packet ends in. `-p all` is in tests of its own: it asks for nothing here.
  ipv6: [
    [6, [58, 'ipv6-icmp']],
    [1, [58, '58']],
    [1, [58, 'icmpv6']],
    [1, [59, '59']],
    [1, [135, '135']],
    [1, [44, '44']],
    [1, [60, '60']],
  ],
};

export function randomTransportMatch(choice: Choice, protocol: ProtocolSpec): TransportMatchSpec | undefined {
  if (protocol.negated) return undefined;
  if (protocol.number === 1 && choice.chance(0.8)) {
    return { explicit: choice.chance(0.6), icmp: randomIcmp(choice) };
  }
  if (protocol.number === 58 && choice.chance(0.8)) {
    return { explicit: choice.chance(0.6), icmp: randomIcmpv6(choice) };
  }
  if (protocol.number !== 6 && protocol.number !== 17) return undefined;
  if (choice.chance(0.1)) return undefined;
  const hasSource = choice.chance(0.4);
  return {
    explicit: choice.chance(0.6),
    ...(hasSource && { sport: randomRange(choice) }),
    ...(choice.chance(hasSource ? 0.3 : 0.7) && { dport: randomRange(choice) }),
    ...(protocol.number === 6 && choice.chance(0.3) && { flags: randomFlags(choice) }),
  };
}

function randomRange(choice: Choice): RangeSpec {
  const pool = (): number => (choice.chance(0.85) ? choice.pick(PORTS) : choice.integer(0, 65535));
  const a = pool();
  const b = choice.chance(0.6) ? Math.min(65535, a + choice.integer(0, 10)) : pool();
  const [low, high] = a < b ? [a, b] : [b, a];
  const negated = choice.chance(0.25);
  switch (
    choice.weighted([
      [10, 'one'],
      [6, 'range'],
      [1, 'upTo'],
      [1, 'from'],
    ] as const)
  ) {
    case 'one':
      return { negated, low, high: low, text: `${low}` };
    case 'range':
      return { negated, low, high, text: `${low}:${high}` };
    case 'upTo':
      return { negated, low: 0, high, text: `:${high}` };
    case 'from':
      return { negated, low, high: 65535, text: `${low}:` };
  }
}

function randomFlags(choice: Choice): FlagsSpec {
  const negated = choice.chance(0.25);
  if (choice.chance(0.35)) return { negated, mask: 0x17, value: 2, text: '--syn' };
  const mask = choice.chance(0.2) ? 0x3f : choice.integer(0, 0x3f);
  const value = mask & choice.integer(0, 0x3f);
  // A flag that is asked for but not looked at never matches; iptables takes it.
  const stray = choice.chance(0.05) ? 1 << choice.integer(0, 5) : 0;
  return { negated, mask, value: value | stray, text: `--tcp-flags ${flagList(mask)} ${flagList(value | stray)}` };
}

function flagList(bits: number): string {
  if (bits === 0) return 'NONE';
  if (bits === 0x3f) return 'ALL';
  return FLAG_NAMES.flatMap(([name, bit]) => (bits & bit ? [name] : [])).join(',');
}

function randomIcmp(choice: Choice): IcmpSpec {
  const negated = choice.chance(0.2);
  switch (
    choice.weighted([
      [5, 'name'],
      [3, 'type'],
      [3, 'code'],
      [1, 'any'],
    ] as const)
  ) {
    case 'name': {
      const [text, type, code] = choice.pick(ICMP_NAMES);
      return { negated, type, ...(code !== undefined && { code }), text };
    }
    case 'type': {
      const type = choice.pick([0, 3, 5, 8, 11, 13, 40, 254]);
      return { negated, type, text: `${type}` };
    }
    case 'code': {
      const [type, code] = [choice.pick([3, 5, 8, 11, 12]), choice.pick([0, 1, 3, 255])];
      return { negated, type, code, text: `${type}/${code}` };
    }
    case 'any':
      return { negated, text: 'any' };
  }
}

/** ICMPv6 types and codes by the names that ip6tables takes (`ip6tables -p icmpv6 -h`). */
const ICMPV6_NAMES: readonly (readonly [name: string, type: number, code?: number])[] = [
  ['echo-request', 128],
  ['echo-reply', 129],
  ['destination-unreachable', 1],
  ['port-unreachable', 1, 4],
  ['packet-too-big', 2],
  ['time-exceeded', 3],
  ['ttl-zero-during-transit', 3, 0],
  ['bad-header', 4, 0],
];

function randomIcmpv6(choice: Choice): IcmpSpec {
  const negated = choice.chance(0.2);
  const type = choice.pick([1, 3, 4, 128, 129, 255]);
  const code = choice.pick([0, 1, 3, 255]);
  switch (
    choice.weighted([
      [5, 'name'],
      [3, 'type'],
      [3, 'code'],
      [1, 'codes'],
    ] as const)
  ) {
    case 'name': {
      const [text, named, ofName] = choice.pick(ICMPV6_NAMES);
      return { negated, type: named, ...(ofName !== undefined && { code: ofName }), text };
    }
    case 'type':
      return { negated, type, text: `${type}` };
    case 'code':
      return { negated, type, code, text: `${type}/${code}` };
    case 'codes':
      return { negated, type, code: 1, lastCode: 4, text: `${type}/1:4` };
  }
}

// The parts of random rules: addresses, devices, protocols, ports, flags, ICMP types, as iptables lets them be written.

import { formatAddress, maskPrefix, prefixMask } from '../../src/base/ipv4.ts';
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

export function oneAddress(choice: Choice, pool: readonly number[]): AddressSpec {
  return prefixOf(choice.pick(pool), 32);
}

/** An address of the pool, or one of its seven neighbours. */
export function nearAddress(choice: Choice, pool: readonly number[]): number {
  return (choice.pick(pool) ^ choice.integer(0, 7)) >>> 0;
}

/** The prefix of this length that the address is in. */
export function prefixOf(address: number, length: number): AddressSpec {
  const mask = prefixMask(length);
  const value = (address & mask) >>> 0;
  return { negated: false, value, mask, text: `${formatAddress(value)}/${length}` };
}

export function randomAddress(choice: Choice, pool: readonly number[]): AddressSpec {
  const base = choice.chance(0.9) ? choice.pick(pool) : choice.word();
  const mask = choice.chance(0.1)
    ? choice.pick([0xff00ff00, 0xff0000ff, 0x00ffffff, 0xfffffffe ^ 0x100, 0xf0f0f0f0, 1])
    : prefixMask(
        choice.weighted([
          [1, 0],
          [2, 8],
          [1, 9],
          [3, 16],
          [4, 24],
          [2, 30],
          [1, 31],
          [8, 32],
          [2, choice.integer(1, 32)],
        ]),
      );
  const length = maskPrefix(mask >>> 0);
  const value = (base & mask) >>> 0;
  // Bits outside the mask may be written, too: iptables drops them.
  const written = formatAddress(choice.chance(0.2) ? base : value);
  const dotted = length === undefined || choice.chance(0.1);
  const suffix = dotted ? `/${formatAddress(mask >>> 0)}` : length === 32 && choice.chance(0.3) ? '' : `/${length}`;
  return { negated: choice.chance(0.2), value, mask: mask >>> 0, text: written + suffix };
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

export function randomProtocol(choice: Choice): ProtocolSpec {
  const [number, text] = choice.weighted<readonly [number, string]>([
    [10, [6, 'tcp']],
    [6, [17, 'udp']],
    [6, [1, 'icmp']],
    [1, [6, '6']],
    [1, [17, '17']],
    [1, [1, '1']],
    [1, [50, 'esp']],
    [1, [132, 'sctp']],
    [1, [136, 'udplite']],
    [1, [47, '47']],
    [1, [255, '255']],
    [1, [0, 'all']],
  ]);
  return { negated: number !== 0 && choice.chance(0.12), number, text };
}

export function randomTransportMatch(choice: Choice, protocol: ProtocolSpec): TransportMatchSpec | undefined {
  if (protocol.negated) return undefined;
  if (protocol.number === 1 && choice.chance(0.8)) {
    return { explicit: choice.chance(0.6), icmp: randomIcmp(choice) };
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

// IPv6 rulesets and packets, the same on every machine.
//
// Addresses come from networks of /32, as registries give them to providers, the n-th as often as 1/n; below a network,
// /48 sites out of few, likewise, and anything behind that.
//
//   blacklist6   sources not let in: 45 % /64, 25 % /128, 15 % /48, 10 % /56, 5 % /32; from 4 096 networks of 256 sites
//   exact6       distinct exact 5-tuples, TCP or UDP, one verdict in three DROP; from 64 networks of 64 sites a side
//   acl6, fw6, ipc6
//                the rules of classbench-like.ts, each address in place of another: every bit of an IPv4 network stands
//                for two bits below 2000::/3, so /16 becomes /32 (a provider), /24 becomes /48 (a site), /28 becomes /56,
//                and prefixes nest as they did, as often; a host, /32, becomes one /128 in a /64 of its own. Joint
//                lengths, services and ports are the recipe's.

import { formatAddress6, prefixMask6 } from '../../src/base/ipv6.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { buildIpv6Packet } from '../harness/ipv6-builder.ts';
import { transportHeaderLength } from '../harness/packet-builder.ts';
import type { Choice } from '../harness/random.ts';
import { RECIPES, type Recipe, rulesByRecipe } from './classbench-like.ts';
import { type ClassifyRulesetOf, distinctOf } from './classify-rulesets.ts';
import { favoured } from './favoured.ts';
import {
  type AddressFamily,
  ANY_PORT,
  FRAME_BYTES,
  type PortRange,
  type Prefix,
  type PrefixOf,
  type RuleShapeOf,
  transportOf,
} from './rule-shape.ts';

const ANY: PrefixOf<bigint> = { value: 0n, length: 0 };
/** 2000::/3, all global unicast addresses that there are (RFC 4291, section 2.4). */
const GLOBAL: PrefixOf<bigint> = { value: 1n << 125n, length: 3 };
/** Of a frame of two cache lines: one is too short for an IPv6 and a TCP header. */
const PACKET_LENGTH = 2 * FRAME_BYTES - 14;
const ICMPV6 = 58;

export const IPV6: AddressFamily<bigint> = {
  family: 'ipv6',
  any: ANY,
  icmp: ICMPV6,
  packetLength: PACKET_LENGTH,
  format: formatAddress6,
  prefixOf: (address, length) => ({ value: address & prefixMask6(length), length }),
  addressIn: (choice, prefix) => {
    const { value, length } = prefix.length === 0 ? GLOBAL : prefix;
    return value | bits(choice, 128 - length);
  },
  packetOf: (flow, hook, devices) => {
    const transport = transportOf(flow, ICMPV6);
    const payload = new Uint8Array(PACKET_LENGTH - 40 - transportHeaderLength(transport));
    const { source, destination } = flow;
    return { family: 'ipv6', hook, ...devices, bytes: buildIpv6Packet({ source, destination, transport, payload }) };
  },
  addressesOf: (packet) => {
    const view = new DataView(packet.buffer, packet.byteOffset);
    const at = (place: number): bigint => (view.getBigUint64(place) << 64n) | view.getBigUint64(place + 8);
    return [at(8), at(24)];
  },
};

/** 2001:db8::a, of a network for documentation (RFC 3849). */
const HOST = (0x20010db8n << 96n) | 0xan;

const MEASURED = ['uniform', 'no match', 'zipf', 'mixed'] as const;

export const RULESETS_6: readonly ClassifyRulesetOf<bigint>[] = [
  {
    name: 'blacklist6',
    summary: 'IPv6 sources not let in: 45 % /64, 25 % /128, 15 % /48, 10 % /56, 5 % /32',
    traffic: MEASURED,
    shape: (rules) => {
      const choice = seededChoice(60, rules);
      const address = addresses(choice, 4_096, 256);
      return { chain: 'INPUT', policy: 'ACCEPT', rules: distinctOf(IPV6, rules, choice, listed(address)), host: HOST };
    },
  },
  {
    name: 'exact6',
    summary: 'distinct exact IPv6 5-tuples, one verdict in three DROP',
    traffic: MEASURED,
    shape: (rules) => {
      const choice = seededChoice(61, rules);
      const sides = [addresses(choice, 64, 64), addresses(choice, 64, 64)] as const;
      return { chain: 'FORWARD', policy: 'DROP', rules: distinctOf(IPV6, rules, choice, exact(...sides)) };
    },
  },
  ...RECIPES.map(
    (recipe: Recipe): ClassifyRulesetOf<bigint> => ({
      name: `${recipe.name}6`,
      summary: `${recipe.name} of IPv6: /16 is /32, /24 is /48, /28 is /56, a host is a /128 in a /64 of its own`,
      traffic: MEASURED,
      shape: (rules) => ({ chain: 'FORWARD', policy: 'DROP', rules: rulesByRecipe(recipe, rules).map(widened) }),
    }),
  ),
];

function listed(address: () => bigint): (choice: Choice) => RuleShapeOf<bigint> {
  return (choice) => {
    const length = choice.weighted([
      [45, 64],
      [25, 128],
      [15, 48],
      [10, 56],
      [5, 32],
    ]);
    const source = IPV6.prefixOf(address(), length);
    return { source, destination: ANY, sport: ANY_PORT, dport: ANY_PORT, verdict: 'DROP' };
  };
}

function exact(source: () => bigint, destination: () => bigint): (choice: Choice) => RuleShapeOf<bigint> {
  return (choice) => {
    const port = (): PortRange => {
      const number = choice.integer(1, 0xffff);
      return { low: number, high: number };
    };
    return {
      source: IPV6.prefixOf(source(), 128),
      destination: IPV6.prefixOf(destination(), 128),
      protocol: choice.chance(0.7) ? 'tcp' : 'udp',
      sport: port(),
      dport: port(),
      verdict: choice.chance(1 / 3) ? 'DROP' : 'ACCEPT',
    };
  };
}

/** Draws addresses of 2000::/3 that share networks and sites. */
function addresses(choice: Choice, networks: number, sites: number): () => bigint {
  const network = favoured(choice, networks, () => BigInt(0x20000000 + choice.integer(0, 0x1fffffff)));
  const site = favoured(choice, sites, () => BigInt(choice.integer(0, 0xffff)));
  return () => (network() << 96n) | (site() << 80n) | bits(choice, 80);
}

function bits(choice: Choice, count: number): bigint {
  let value = 0n;
  for (let have = 0; have < count; have += 32) value = (value << 32n) | BigInt(choice.word());
  return value & ((1n << BigInt(count)) - 1n);
}

/** A rule of `classbench-like.ts` with IPv6 prefixes. */
function widened({ source, destination, protocol, ...rule }: RuleShapeOf<number>): RuleShapeOf<bigint> {
  return {
    ...rule,
    source: widenedPrefix(source),
    destination: widenedPrefix(destination),
    ...(protocol !== undefined && { protocol: protocol === 'icmp' ? ICMPV6 : protocol }),
  };
}

/** The prefix of IPv6 that stands for one of IPv4 below 128.0.0.0: those that held each other do, and no others. */
export function widenedPrefix({ value, length }: Prefix): PrefixOf<bigint> {
  if (length === 0) return ANY;
  // The first bit of these addresses is 0, and the second says enough by the one of its two that is left.
  let network = 0n;
  for (let bit = 31; bit >= 0; bit--) network = (network << 2n) | ((value >>> bit) & 1 ? 3n : 0n);
  network = (network << 64n) | GLOBAL.value;
  if (length < 32) return IPV6.prefixOf(network, 2 * length);
  const hash = (factor: number): bigint => BigInt(Math.imul(value, factor) >>> 0);
  return { value: network | (hash(0x9e3779b1) << 32n) | hash(0x85ebca6b), length: 128 };
}

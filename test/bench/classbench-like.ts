// Rulesets with the structure of real filter sets, in the manner of ClassBench (Taylor and Turner, "ClassBench: A Packet
// Classification Benchmark", IEEE/ACM Transactions on Networking 15(3), 2007).
//
// Kept from the paper is what it finds real sets to be made of: the joint distribution of the two prefix lengths; the
// protocol together with the classes of both ports (any, the low or the high half at 1 024, a range, one number);
// addresses that share few networks, so that prefixes nest and recur; few distinct services. The numbers below are
// this file's own: they describe an access list (acl), a firewall (fw) and an IP chain list (ipc) by the paper's words,
// not by its seed files. What they say is all there is:
//
//   lengths    how often a rule has these prefix lengths, source and destination
//   services   how often a rule has this protocol and these port classes
//   networks   distinct /16 networks that addresses are taken from, per side, the n-th as often as 1/n
//   subnets    distinct values of each of the two bytes below a network, likewise
//   ports      distinct numbers and ranges that rules share
//
// Duplicates are drawn again. Rules with more fixed bits come first, so no rule stands behind one that contains it.

import { seededChoice } from '../fuzz/seeded.ts';
import type { Choice } from '../harness/random.ts';
import { favoured } from './favoured.ts';
import { ANY_PORT, formatRule, type PortRange, prefixOf, type RuleShape } from './rule-shape.ts';

type PortClass = 'any' | 'low' | 'high' | 'range' | 'one';
type Weighted<T> = readonly (readonly [weight: number, value: T])[];

export interface Recipe {
  readonly name: 'acl' | 'fw' | 'ipc';
  readonly summary: string;
  readonly lengths: Weighted<readonly [source: number, destination: number]>;
  readonly services: Weighted<readonly [protocol: RuleShape['protocol'], source: PortClass, destination: PortClass]>;
  readonly networks: readonly [source: number, destination: number];
  readonly subnets: number;
  readonly ports: number;
}

export const RECIPES: readonly Recipe[] = [
  {
    name: 'acl',
    summary: 'ClassBench-like access list: destinations and services exact, sources of all lengths',
    lengths: [
      [30, [32, 32]],
      [20, [24, 32]],
      [12, [0, 32]],
      [10, [28, 32]],
      [8, [16, 32]],
      [8, [24, 24]],
      [6, [32, 24]],
      [4, [21, 30]],
      [2, [0, 24]],
    ],
    services: [
      [70, ['tcp', 'any', 'one']],
      [9, ['udp', 'any', 'one']],
      [6, ['tcp', 'any', 'range']],
      [5, ['tcp', 'any', 'high']],
      [4, ['udp', 'any', 'range']],
      [3, ['icmp', 'any', 'any']],
      [3, [undefined, 'any', 'any']],
    ],
    networks: [24, 6],
    subnets: 24,
    ports: 60,
  },
  {
    name: 'fw',
    summary: 'ClassBench-like firewall: wildcards on either side, ports on both, ranges',
    lengths: [
      [24, [0, 32]],
      [18, [32, 0]],
      [14, [32, 32]],
      [12, [24, 32]],
      [8, [32, 24]],
      [7, [0, 24]],
      [6, [24, 0]],
      [5, [16, 24]],
      [4, [24, 24]],
      [2, [16, 16]],
    ],
    services: [
      [30, ['tcp', 'any', 'one']],
      [14, ['tcp', 'high', 'one']],
      [12, ['udp', 'one', 'one']],
      [10, ['tcp', 'one', 'high']],
      [10, ['udp', 'any', 'one']],
      [8, ['tcp', 'any', 'range']],
      [5, ['udp', 'high', 'range']],
      [4, ['icmp', 'any', 'any']],
      [3, [47, 'any', 'any']],
      [4, [undefined, 'any', 'any']],
    ],
    networks: [12, 8],
    subnets: 40,
    ports: 40,
  },
  {
    name: 'ipc',
    summary: 'ClassBench-like IP chains: between the two, pairs of networks and hosts',
    lengths: [
      [26, [32, 32]],
      [16, [24, 32]],
      [14, [32, 24]],
      [10, [24, 24]],
      [9, [0, 32]],
      [8, [32, 0]],
      [7, [16, 32]],
      [5, [27, 27]],
      [3, [8, 24]],
      [2, [0, 16]],
    ],
    services: [
      [36, ['tcp', 'any', 'one']],
      [14, ['tcp', 'high', 'one']],
      [13, ['udp', 'any', 'one']],
      [9, ['tcp', 'one', 'any']],
      [8, ['udp', 'one', 'one']],
      [6, ['tcp', 'low', 'range']],
      [5, ['icmp', 'any', 'any']],
      [5, ['tcp', 'any', 'low']],
      [4, [undefined, 'any', 'any']],
    ],
    networks: [16, 12],
    subnets: 32,
    ports: 80,
  },
];

/** As many distinct rules as asked for. */
export function rulesByRecipe(recipe: Recipe, count: number): RuleShape[] {
  const choice = seededChoice(20 + RECIPES.indexOf(recipe), count);
  const addresses = recipe.networks.map((networks) => addressPool(choice, networks, recipe.subnets));
  const ports = portPool(choice, recipe.ports);
  const found = new Map<string, RuleShape>();
  while (found.size < count) {
    const [sourceLength, destinationLength] = choice.weighted(recipe.lengths);
    const [protocol, source, destination] = choice.weighted(recipe.services);
    const rule: RuleShape = {
      source: prefixOf(addresses[0]!(), sourceLength),
      destination: prefixOf(addresses[1]!(), destinationLength),
      ...(protocol !== undefined && { protocol }),
      sport: ports(source),
      dport: ports(destination),
      verdict: choice.chance(0.3) ? 'DROP' : 'ACCEPT',
    };
    found.set(formatRule('FORWARD', { ...rule, verdict: 'DROP' }), rule);
  }
  return [...found.values()].sort((a, b) => fixedBits(b) - fixedBits(a));
}

/** How many bits a rule fixes, a range of ports as its size says: one that contains another fixes fewer. */
function fixedBits({ source, destination, protocol, sport, dport }: RuleShape): number {
  const portBits = ({ low, high }: PortRange): number => 16 - Math.log2(high - low + 1);
  return source.length + destination.length + (protocol === undefined ? 0 : 8) + portBits(sport) + portBits(dport);
}

/** Draws addresses that share networks and the bytes below them. */
function addressPool(choice: Choice, networks: number, subnets: number): () => number {
  const network = favoured(choice, networks, () => ((choice.integer(1, 126) << 8) | choice.integer(0, 255)) * 0x10000);
  const byte = favoured(choice, subnets, () => choice.integer(0, 255));
  return () => (network() + byte() * 0x100 + byte()) >>> 0;
}

function portPool(choice: Choice, count: number): (kind: PortClass) => PortRange {
  const one = favoured(choice, count, () => choice.integer(1, choice.chance(0.7) ? 1023 : 0xffff));
  const range = favoured(choice, Math.ceil(count / 4), () => {
    const low = choice.integer(1, 60_000);
    return { low, high: low + choice.integer(1, 5_000) };
  });
  return (kind) => {
    switch (kind) {
      case 'any':
        return ANY_PORT;
      case 'low':
        return { low: 0, high: 1023 };
      case 'high':
        return { low: 1024, high: 0xffff };
      case 'range':
        return range();
      case 'one': {
        const port = one();
        return { low: port, high: port };
      }
    }
  };
}

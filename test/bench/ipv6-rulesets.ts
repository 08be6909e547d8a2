// IPv6 rulesets and packets, the same on every machine.
//
// Addresses come from networks of /32, as registries give them to providers, the n-th as often as 1/n; below a network,
// /48 sites out of few, likewise, and anything behind that.
//
//   blacklist6   sources not let in: 45 % /64, 25 % /128, 15 % /48, 10 % /56, 5 % /32; from 4 096 networks of 256 sites
//   exact6       distinct exact 5-tuples, TCP or UDP, one verdict in three DROP; from 64 networks of 64 sites a side

import { seededChoice } from '../fuzz/seeded.ts';
import type { Choice } from '../harness/random.ts';
import { favoured } from './favoured.ts';
import { ANY_PORT, FRAME_BYTES, type PortRange } from './rule-shape.ts';
import type { FlowSource } from './traffic.ts';

export interface Prefix6 {
  /** 128 bits, host bits zero. */
  readonly value: bigint;
  /** 0–128; 0 asks for nothing. */
  readonly length: number;
}

export interface RuleShape6 {
  readonly source: Prefix6;
  readonly destination: Prefix6;
  /** Absent for all protocols; ports are asked for by rules of a protocol only. */
  readonly protocol?: 6 | 17;
  readonly sport: PortRange;
  readonly dport: PortRange;
  readonly verdict: 'ACCEPT' | 'DROP';
}

export interface Ruleset6 {
  readonly policy: 'ACCEPT' | 'DROP';
  readonly rules: readonly RuleShape6[];
}

export interface Flow6 {
  readonly source: bigint;
  readonly destination: bigint;
  readonly protocol: number;
  readonly sport: number;
  readonly dport: number;
}

const ANY: Prefix6 = { value: 0n, length: 0 };
const ANYTHING: RuleShape6 = { source: ANY, destination: ANY, sport: ANY_PORT, dport: ANY_PORT, verdict: 'ACCEPT' };

export interface Ruleset6Kind {
  readonly name: string;
  readonly summary: string;
  shape(rules: number): Ruleset6;
}

export const RULESETS_6: readonly Ruleset6Kind[] = [
  {
    name: 'blacklist6',
    summary: 'IPv6 sources not let in: 45 % /64, 25 % /128, 15 % /48, 10 % /56, 5 % /32',
    shape: (rules) => {
      const choice = seededChoice(60, rules);
      const address = addresses(choice, 4_096, 256);
      const listed = (): RuleShape6 => {
        const length = choice.weighted([
          [45, 64],
          [25, 128],
          [15, 48],
          [10, 56],
          [5, 32],
        ]);
        return { ...ANYTHING, source: prefix6(address(), length), verdict: 'DROP' };
      };
      return { policy: 'ACCEPT', rules: distinct(rules, listed) };
    },
  },
  {
    name: 'exact6',
    summary: 'distinct exact IPv6 5-tuples, one verdict in three DROP',
    shape: (rules) => {
      const choice = seededChoice(61, rules);
      const sides = [addresses(choice, 64, 64), addresses(choice, 64, 64)] as const;
      const port = (): PortRange => {
        const number = choice.integer(1, 0xffff);
        return { low: number, high: number };
      };
      const exact = (): RuleShape6 => ({
        source: prefix6(sides[0](), 128),
        destination: prefix6(sides[1](), 128),
        protocol: choice.chance(0.7) ? 6 : 17,
        sport: port(),
        dport: port(),
        verdict: choice.chance(1 / 3) ? 'DROP' : 'ACCEPT',
      });
      return { policy: 'DROP', rules: distinct(rules, exact) };
    },
  },
];

const ALL = (1n << 128n) - 1n;

function prefix6(address: bigint, length: number): Prefix6 {
  return { value: address & (ALL ^ (ALL >> BigInt(length))), length };
}

function distinct(count: number, make: () => RuleShape6): RuleShape6[] {
  const found = new Map<string, RuleShape6>();
  while (found.size < count) {
    const rule = make();
    const { source, destination, protocol, sport, dport } = rule;
    const key = [source, destination].map(({ value, length }) => `${value.toString(16)}/${length}`).join();
    found.set(`${key} ${protocol} ${sport.low} ${dport.low}`, rule);
  }
  return [...found.values()];
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

/** Packets of a ruleset. */
export function flowsOf6({ rules }: Ruleset6): FlowSource<Flow6> {
  const aimed = (choice: Choice): Flow6 => flowInside(choice, choice.pick(rules));
  return {
    rules: rules.length,
    aimed,
    anything: (choice) => flowInside(choice, ANYTHING),
    mixed: (choice) => ({
      ...aimed(choice),
      source: aimed(choice).source,
      destination: aimed(choice).destination,
    }),
  };
}

function flowInside(choice: Choice, { source, destination, protocol, sport, dport }: RuleShape6): Flow6 {
  const inside = ({ value, length }: Prefix6): bigint => value | bits(choice, 128 - length);
  return {
    source: inside(source),
    destination: inside(destination),
    protocol: protocol ?? choice.pick([6, 6, 17]),
    sport: choice.integer(sport.low, sport.high),
    dport: choice.integer(dport.low, dport.high),
  };
}

/** Bytes of every packet, from its header on. */
export const PACKET_LENGTH_6 = FRAME_BYTES - 14;

/** The frame of a flow: an IPv6 header, ports, and nothing that anybody reads. */
export function frameOf6({ source, destination, protocol, sport, dport }: Flow6): Uint8Array {
  const frame = Buffer.alloc(FRAME_BYTES);
  frame.writeUInt16BE(0x86dd, 12);
  frame[14] = 0x60;
  frame.writeUInt16BE(PACKET_LENGTH_6 - 40, 18);
  frame[20] = protocol;
  frame[21] = 64;
  for (const [at, address] of [
    [22, source],
    [38, destination],
  ] as const) {
    frame.writeBigUInt64BE(address >> 64n, at);
    frame.writeBigUInt64BE(address & 0xffffffffffffffffn, at + 8);
  }
  frame.writeUInt16BE(sport, 54);
  frame.writeUInt16BE(dport, 56);
  return new Uint8Array(frame);
}

/** What each packet bumps, `FORWARD:0` for a first rule: rules are found by their prefixes, as many look-ups as pairs of lengths. */
export function oracle6({ rules }: Ruleset6): (flow: Flow6) => readonly string[] {
  const places = new Map<string, Map<string, number[]>>();
  const keyOf = (source: bigint, destination: bigint): string => `${source.toString(36)} ${destination.toString(36)}`;
  for (const [index, { source, destination }] of rules.entries()) {
    const lengths = `${source.length} ${destination.length}`;
    const known = places.get(lengths) ?? new Map<string, number[]>();
    places.set(lengths, known);
    const key = keyOf(source.value, destination.value);
    known.set(key, [...(known.get(key) ?? []), index]);
  }
  return (flow) => {
    let first = rules.length;
    for (const [lengths, known] of places) {
      const [source, destination] = lengths.split(' ').map(Number) as [number, number];
      const key = keyOf(prefix6(flow.source, source).value, prefix6(flow.destination, destination).value);
      const found = known.get(key)?.find((index) => fits(rules[index]!, flow));
      if (found !== undefined && found < first) first = found;
    }
    return [`FORWARD:${first === rules.length ? 'policy' : first}`];
  };
}

/** All but the addresses. */
function fits({ protocol, sport, dport }: RuleShape6, flow: Flow6): boolean {
  const isIn = ({ low, high }: PortRange, port: number): boolean => low <= port && port <= high;
  return (protocol === undefined || protocol === flow.protocol) && isIn(sport, flow.sport) && isIn(dport, flow.dport);
}

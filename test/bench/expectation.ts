// What the reference interpreter says of a pool, and whether a program counted the same.

import type { Counters } from '../../src/base/counters.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { SlotOwner } from '../../src/graph/graph.ts';
import { interpret } from '../../src/reference/interpret.ts';
import type { Table } from '../../src/ruleset/model.ts';
import type { RulesetShape, RulesetShapeOf } from './classify-rulesets.ts';
import { type AddressFamily, IPV4 } from './rule-shape.ts';

/** For each packet, the places whose counters it bumps, `INPUT:0` for a first rule or `INPUT:policy`. */
export type Expectation = readonly (readonly string[])[];

/** What one packet bumps. */
export type Oracle = (packet: HookPacket) => readonly string[];

/** Walks the whole table for each packet. */
export function tableOracle(table: Table): Oracle {
  return (packet) => interpret(table, packet).counted.map(({ chain, rule }) => `${chain}:${rule}`);
}

/** `oracleOf` an IPv4 ruleset. */
export function shapeOracle(table: Table, shape: RulesetShape): Oracle {
  return oracleOf(IPV4, table, shape);
}

/**
 * Walks only the rules whose source and destination prefixes hold the packet, which are found by a table for each pair of
 * prefix lengths: what is left out cannot match. `table` is made of the shape, one chain without jumps.
 */
export function oracleOf<A>(
  { prefixOf, addressesOf }: AddressFamily<A>,
  table: Table,
  { chain: name, rules }: RulesetShapeOf<A>,
): Oracle {
  const chain = table.chains.find((each) => each.name === name)!;
  if (chain.rules.length !== rules.length) throw new Error(`${name} does not have the rules of its shape`);
  const others = table.chains.filter((each) => each !== chain);
  const pairs = new Map<number, Map<string, number[]>>();
  const keyOf = (source: A, destination: A): string => `${source} ${destination}`;
  for (const [index, { source, destination }] of rules.entries()) {
    const pair = (source.length << 8) | destination.length;
    const places = pairs.get(pair) ?? new Map<string, number[]>();
    pairs.set(pair, places);
    const key = keyOf(source.value, destination.value);
    const known = places.get(key);
    if (known === undefined) places.set(key, [index]);
    else known.push(index);
  }
  return (packet) => {
    const [source, destination] = addressesOf(packet.bytes);
    const candidates: number[] = [];
    for (const [pair, places] of pairs) {
      const value = (address: A, length: number): A => prefixOf(address, length).value;
      const found = places.get(keyOf(value(source, pair >> 8), value(destination, pair & 0xff)));
      if (found !== undefined) candidates.push(...found);
    }
    candidates.sort((a, b) => a - b);
    const few = { ...chain, rules: candidates.map((index) => chain.rules[index]!) };
    return interpret({ ...table, chains: [...others, few] }, packet).counted.map(
      ({ rule }) => `${name}:${rule === 'policy' ? rule : candidates[rule]}`,
    );
  };
}

/** Asks for each packet; for equal ones once. */
export function expectationOf(oracle: Oracle, packets: readonly HookPacket[]): Expectation {
  const known = new Map<string, readonly string[]>();
  return packets.map((packet) => {
    const key = Buffer.from(packet.bytes).toString('latin1');
    const found = known.get(key) ?? oracle(packet);
    known.set(key, found);
    return found;
  });
}

/** The part of the packets, of 1, that a rule decides and no policy. */
export function decidedByRules(expectation: Expectation): number {
  return expectation.filter((places) => !places.at(-1)?.endsWith(':policy')).length / expectation.length;
}

/** How many packets each place is to count. */
export type Wanted = Map<string, number>;

/** Adds a pool whose every packet comes `times` times. */
export function expectPackets(wanted: Wanted, expectation: Expectation, times: number): void {
  for (const place of expectation.flat()) wanted.set(place, (wanted.get(place) ?? 0) + times);
}

/** The first counter that is not as wanted, in a sentence. `length` is each packet's, in bytes. */
export function miscount(
  owners: readonly SlotOwner[],
  counts: readonly Counters[],
  wanted: Wanted,
  length: number,
): string | undefined {
  for (const [slot, { packets, bytes }] of counts.entries()) {
    const owner = owners[slot];
    const place =
      owner === undefined ? 'undecided' : `${owner.chain}:${owner.kind === 'policy' ? 'policy' : owner.index}`;
    const right = wanted.get(place) ?? 0;
    if (packets === BigInt(right) && bytes === BigInt(right * length)) continue;
    return `${place} counted ${packets} packets of ${bytes} bytes; the interpreter says ${right} of ${length} each`;
  }
  return undefined;
}

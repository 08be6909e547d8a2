// What the reference interpreter says of a pool, and whether a program counted the same.

import type { Counters } from '../../src/base/counters.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { SlotOwner } from '../../src/graph/graph.ts';
import { interpret } from '../../src/reference/interpret.ts';
import type { Table } from '../../src/ruleset/model.ts';

/** For each packet, the places whose counters it bumps, `INPUT:0` for a first rule or `INPUT:policy`. */
export type Expectation = readonly (readonly string[])[];

/** Walks the table for each packet; equal packets are walked once. */
export function expectationOf(table: Table, packets: readonly HookPacket[]): Expectation {
  const known = new Map<string, readonly string[]>();
  return packets.map((packet) => {
    const key = Buffer.from(packet.bytes).toString('latin1');
    const found = known.get(key) ?? interpret(table, packet).counted.map(({ chain, rule }) => `${chain}:${rule}`);
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

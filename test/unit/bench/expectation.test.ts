import { expect, test } from 'vitest';
import { filterTable } from '../../../src/engine/compile.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { decidedByRules, expectationOf, expectPackets, miscount, tableOracle } from '../../bench/expectation.ts';
import { PACKET_LENGTH, packetOf } from '../../bench/rule-shape.ts';

const TEXT = '*filter\n:INPUT DROP [0:0]\n-A INPUT -s 10.0.0.1 -j ACCEPT\nCOMMIT\n';
const table = filterTable(parseRuleset(TEXT, { file: 'x' }).ruleset);
const flow = { source: 0x0a000001, destination: 1, protocol: 6, sport: 1, dport: 2, flags: 2, icmpType: 0 };
const packets = [flow, { ...flow, source: 0x0a000002 }, flow].map((each) =>
  packetOf(each, 'INPUT', { inDevice: 'lo', outDevice: '' }),
);
const OWNERS = [
  { kind: 'rule', chain: 'INPUT', index: 0, text: '-A INPUT -s 10.0.0.1/32 -j ACCEPT', line: 3 },
  { kind: 'policy', chain: 'INPUT', line: 2 },
] as const;

test('what each packet counts, and the part that rules decide', () => {
  const expectation = expectationOf(tableOracle(table), packets);
  expect(expectation).toEqual([['INPUT:0'], ['INPUT:policy'], ['INPUT:0']]);
  expect(decidedByRules(expectation)).toBeCloseTo(2 / 3);
});

test('counters that are right say nothing; a packet or a byte too much, and an undecided packet, are told', () => {
  const wanted = new Map<string, number>();
  expectPackets(wanted, expectationOf(tableOracle(table), packets), 2);
  const count = (n: number, more = 0) => ({ packets: BigInt(n), bytes: BigInt(n * PACKET_LENGTH + more) });
  expect(miscount(OWNERS, [count(4), count(2), count(0)], wanted, PACKET_LENGTH)).toBeUndefined();
  expect(miscount(OWNERS, [count(5), count(2), count(0)], wanted, PACKET_LENGTH)).toMatch(/^INPUT:0 counted 5/);
  expect(miscount(OWNERS, [count(4, 1), count(2), count(0)], wanted, PACKET_LENGTH)).toMatch(/^INPUT:0 counted 4/);
  expect(miscount(OWNERS, [count(4), count(2), count(1)], wanted, PACKET_LENGTH)).toMatch(/^undecided counted 1/);
});

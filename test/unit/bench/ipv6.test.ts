import { describe, expect, test } from 'vitest';
import type { FieldValues } from '../../../src/base/predicate.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { compile6, decisionsOf, owners6 } from '../../bench/ipv6-program.ts';
import {
  type Flow6,
  flowsOf6,
  frameOf6,
  oracle6,
  PACKET_LENGTH_6,
  RULESETS_6,
  type RuleShape6,
} from '../../bench/ipv6-rulesets.ts';
import { TRAFFIC } from '../../bench/traffic.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { NO_FIELDS } from '../../harness/fields.ts';

const TRAFFIC_6 = TRAFFIC.filter(({ name }) => name !== 'accepted' && name !== 'dropped');

function matches({ source, destination, protocol, sport, dport }: RuleShape6, flow: Flow6): boolean {
  const within = ({ value, length }: RuleShape6['source'], address: bigint): boolean =>
    length === 0 || address >> BigInt(128 - length) === value >> BigInt(128 - length);
  return (
    within(source, flow.source) &&
    within(destination, flow.destination) &&
    (protocol === undefined || protocol === flow.protocol) &&
    sport.low <= flow.sport &&
    flow.sport <= sport.high &&
    dport.low <= flow.dport &&
    flow.dport <= dport.high
  );
}

function fieldsOf({ source, destination, protocol, sport, dport }: Flow6): FieldValues {
  return { ...NO_FIELDS, transportLength: 10, src6: source, dst6: destination, protocol, sport, dport };
}

describe.each(RULESETS_6)('$name', (kind) => {
  const ruleset = kind.shape(200);

  test('has distinct rules, the same each time', () => {
    expect(ruleset.rules).toHaveLength(200);
    expect(kind.shape(200)).toEqual(ruleset);
    const texts = ruleset.rules.map(({ verdict, ...rule }) =>
      JSON.stringify(rule, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
    );
    expect(new Set(texts).size).toBe(200);
  });

  test.each(TRAFFIC_6)('$name traffic: first rule that fits, by the oracle and by the classification', ({ flows }) => {
    const oracle = oracle6(ruleset);
    const { classification } = compile6(ruleset, FEATURES);
    const owners = owners6(ruleset);
    for (const flow of flows(flowsOf6(ruleset), 300)) {
      const first = ruleset.rules.findIndex((rule) => matches(rule, flow));
      const [wanted] = oracle(flow);
      expect(wanted).toBe(`FORWARD:${first < 0 ? 'policy' : first}`);
      const { counted, verdict } = evaluateClassification(classification, 'FORWARD', fieldsOf(flow));
      expect(counted).toEqual([first < 0 ? owners.length - 1 : first]);
      expect(verdict).toBe((first < 0 ? ruleset.policy : ruleset.rules[first]!.verdict).toLowerCase());
    }
  });

  test('uniform traffic is inside rules, random traffic is not', () => {
    const oracle = oracle6(ruleset);
    const decided = (name: string): number => {
      const flows = TRAFFIC.find((each) => each.name === name)!.flows(flowsOf6(ruleset), 300);
      return flows.filter((flow) => oracle(flow)[0] !== 'FORWARD:policy').length;
    };
    expect(decided('uniform')).toBe(300);
    expect(decided('no match')).toBe(0);
  });
});

test('the blacklist has the lengths that it says, and its networks recur', () => {
  const { rules } = RULESETS_6.find(({ name }) => name === 'blacklist6')!.shape(4_000);
  const share = (length: number): number =>
    rules.filter(({ source }) => source.length === length).length / rules.length;
  for (const [length, wanted] of [
    [64, 0.45],
    [128, 0.25],
    [48, 0.15],
    [56, 0.1],
  ] as const) {
    expect(share(length)).toBeGreaterThan(wanted - 0.06);
    expect(share(length)).toBeLessThan(wanted + 0.06);
  }
  expect(new Set(rules.map(({ source }) => source.value >> 96n)).size).toBeLessThan(2_000);
});

test('equal conditions of a list are one object, and every decision asks each field once', () => {
  const { conditions, length, then } = decisionsOf(RULESETS_6.find(({ name }) => name === 'exact6')!.shape(50));
  expect([length, conditions.length, then.length]).toEqual([51, 51, 51]);
  const byId = new Map(conditions.flat().map((condition) => [condition.id, condition]));
  for (const own of conditions) {
    expect(new Set(own.map(({ field }) => field)).size).toBe(own.length);
    for (const condition of own) expect(byId.get(condition.id)).toBe(condition);
  }
});

test('a frame has the header where the prologue reads it', () => {
  const frame = frameOf6({ source: 1n, destination: 2n ** 127n, protocol: 17, sport: 0x1234, dport: 0x5678 });
  expect(frame).toHaveLength(14 + PACKET_LENGTH_6);
  expect([...frame.subarray(12, 22)]).toEqual([0x86, 0xdd, 0x60, 0, 0, 0, 0, PACKET_LENGTH_6 - 40, 17, 64]);
  expect(frame[22 + 15]).toBe(1);
  expect(frame[38]).toBe(0x80);
  expect([...frame.subarray(54, 58)]).toEqual([0x12, 0x34, 0x56, 0x78]);
});

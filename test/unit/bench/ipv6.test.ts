import { describe, expect, test } from 'vitest';
import { filterTable } from '../../../src/engine/compile.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { RECIPES, rulesByRecipe } from '../../bench/classbench-like.ts';
import { formatRulesetOf } from '../../bench/classify-rulesets.ts';
import { decidedByRules, type Expectation, expectationOf, oracleOf, tableOracle } from '../../bench/expectation.ts';
import { IPV6, RULESETS_6, widenedPrefix } from '../../bench/ipv6-rulesets.ts';
import { formatRuleOf, type PrefixOf, prefixOf, type RuleShape, type RuleShapeOf } from '../../bench/rule-shape.ts';
import { frameOf } from '../../bench/subject-programs.ts';
import { flowSource, TRAFFIC } from '../../bench/traffic.ts';

const DEVICES = { inDevice: 'lo', outDevice: '' };

const shapeOf = (name: string, rules: number) => RULESETS_6.find((kind) => kind.name === name)!.shape(rules);

function holds(outer: PrefixOf<bigint>, inner: PrefixOf<bigint>): boolean {
  return outer.length <= inner.length && IPV6.prefixOf(inner.value, outer.length).value === outer.value;
}

/** The first rule whose shape a flow fits, by nothing but the shape. */
function firstFit(
  rules: readonly RuleShapeOf<bigint>[],
  flow: ReturnType<ReturnType<typeof flowSource<bigint>>['anything']>,
) {
  const numbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };
  return rules.findIndex(
    ({ source, destination, protocol, sport, dport }) =>
      holds(source, { value: flow.source, length: 128 }) &&
      holds(destination, { value: flow.destination, length: 128 }) &&
      (protocol === undefined || (numbers[protocol] ?? protocol) === flow.protocol) &&
      sport.low <= flow.sport &&
      flow.sport <= sport.high &&
      dport.low <= flow.dport &&
      flow.dport <= dport.high,
  );
}

describe.each(RULESETS_6)('$name', (kind) => {
  const shape = kind.shape(200);
  const { ruleset, diagnostics } = parseRuleset(formatRulesetOf(IPV6, shape), { file: kind.name, family: 'ipv6' });
  const table = filterTable(ruleset);
  const flowsOf = (traffic: string) =>
    TRAFFIC.find(({ name }) => name === traffic)!.flows(flowSource(IPV6, shape), 200);
  const packetsOf = (traffic: string) => flowsOf(traffic).map((flow) => IPV6.packetOf(flow, shape.chain, DEVICES));

  test('has distinct rules, the same each time, that ip6tables-restore could read', () => {
    expect(diagnostics).toEqual([]);
    expect(kind.shape(200)).toEqual(shape);
    const asked = shape.rules.map((rule) => formatRuleOf(IPV6, 'FORWARD', { ...rule, verdict: 'DROP' }));
    expect(new Set(asked).size).toBe(200);
  });

  test.each(kind.traffic)('%s traffic: the oracle says what the whole table and what the shapes say', (traffic) => {
    const packets = packetsOf(traffic);
    const wanted: Expectation = flowsOf(traffic).map((flow) => {
      const first = firstFit(shape.rules, flow);
      return [`${shape.chain}:${first < 0 ? 'policy' : first}`];
    });
    expect(expectationOf(oracleOf(IPV6, table, shape), packets)).toEqual(wanted);
    expect(expectationOf(tableOracle(table), packets)).toEqual(wanted);
  });

  test('uniform traffic is inside rules, and all traffic is between unicast addresses', () => {
    expect(decidedByRules(expectationOf(tableOracle(table), packetsOf('uniform')))).toBe(1);
    for (const { source, destination } of kind.traffic.flatMap(flowsOf))
      expect([source >> 125n, destination >> 125n]).toEqual([1n, 1n]);
  });
});

test('the blacklist has the lengths that it says, and its networks recur', () => {
  const { rules } = shapeOf('blacklist6', 4_000);
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

test.each(RECIPES)('$name: prefixes of IPv6 hold each other where those of IPv4 do', (recipe) => {
  const rules: readonly RuleShape[] = rulesByRecipe(recipe, 150);
  const prefixes = rules.flatMap(({ source, destination }) => [source, destination]);
  const pairs = prefixes.flatMap((outer) => prefixes.map((inner) => [outer, inner] as const));
  const isNested = ([outer, inner]: (typeof pairs)[number]): boolean =>
    outer.length <= inner.length && prefixOf(inner.value, outer.length).value === outer.value;
  const nested = pairs.filter(isNested);
  expect(nested.length).toBeGreaterThan(prefixes.length);
  expect(pairs.filter(([outer, inner]) => holds(widenedPrefix(outer), widenedPrefix(inner)))).toEqual(nested);
});

test('prefixes of IPv6 have the lengths that are told', () => {
  const lengths = [0, 8, 16, 24, 28, 32].map((length) => widenedPrefix(prefixOf(0x0a010203, length)).length);
  expect(lengths).toEqual([0, 16, 32, 48, 56, 128]);
});

test('a frame is two cache lines, and a packet can be read as TCP', () => {
  const flow = {
    source: 1n,
    destination: 2n ** 127n,
    protocol: 6,
    sport: 0x1234,
    dport: 0x5678,
    flags: 2,
    icmpType: 0,
  };
  const packet = IPV6.packetOf(flow, 'FORWARD', DEVICES);
  const frame = frameOf(packet);
  expect([frame.length, packet.bytes.length]).toEqual([128, IPV6.packetLength]);
  expect([...frame.subarray(12, 22)]).toEqual([0x86, 0xdd, 0x60, 0, 0, 0, 0, IPV6.packetLength - 40, 6, 64]);
  expect(IPV6.addressesOf(packet.bytes)).toEqual([flow.source, flow.destination]);
  expect([...frame.subarray(54, 58)]).toEqual([0x12, 0x34, 0x56, 0x78]);
});

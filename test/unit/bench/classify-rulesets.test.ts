import { describe, expect, test } from 'vitest';
import { filterTable } from '../../../src/engine/compile.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { RECIPES } from '../../bench/classbench-like.ts';
import { CLASSIFY_RULESETS, formatRuleset } from '../../bench/classify-rulesets.ts';
import { decidedByRules, expectationOf, shapeOracle, tableOracle } from '../../bench/expectation.ts';
import { PACKET_LENGTH, packetOf } from '../../bench/rule-shape.ts';
import { flowsOf, TRAFFIC } from '../../bench/traffic.ts';

const COUNT = 60;
const DEVICES = { inDevice: 'eth0', outDevice: '' };
const traffic = (name: string) => TRAFFIC.find((each) => each.name === name)!;

describe.each(CLASSIFY_RULESETS)('$name', (kind) => {
  const size = kind.sizes?.length === 1 ? kind.sizes[0]! : COUNT;
  const shape = kind.shape(size);
  const text = formatRuleset(shape);
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'bench' });
  const table = filterTable(ruleset);
  const chain = table.chains.find(({ name }) => name === shape.chain)!;
  const packets = (name: string, count: number) =>
    traffic(name)
      .flows(flowsOf(shape), count)
      .map((flow) => packetOf(flow, shape.chain, DEVICES));
  const outcome = (name: string, count: number) => expectationOf(shapeOracle(table, shape), packets(name, count));

  test('is a ruleset that parses, has the rules asked for, distinct, the same each time', () => {
    expect(diagnostics).toEqual([]);
    expect(chain.rules).toHaveLength(shape.rules.length);
    expect(shape.rules).toHaveLength(size);
    const rules = text.split('\n').filter((line) => line.startsWith('-A'));
    expect(new Set(rules.map((rule) => rule.replace(/ -j .*/, ''))).size).toBe(rules.length);
    expect(formatRuleset(kind.shape(size))).toBe(text);
  });

  test('uniform traffic is decided by rules, and nearly all of them', () => {
    const expectation = outcome('uniform', 30 * shape.rules.length);
    expect(decidedByRules(expectation)).toBe(1);
    // What stands behind an equal or wider rule may never be reached; a device of no packet hides one rule.
    expect(new Set(expectation.flat()).size).toBeGreaterThan(0.85 * shape.rules.length);
  });

  test('of Zipf traffic rules decide most, of random traffic few, of mixed traffic something in between', () => {
    const [none, zipf, mixed] = ['no match', 'zipf', 'mixed'].map((name) => decidedByRules(outcome(name, 2_000)));
    expect(none!).toBeLessThan(0.2);
    expect(zipf!).toBeGreaterThan(0.5);
    expect(mixed!).toBeGreaterThanOrEqual(none! - 0.02);
  });

  test.each(TRAFFIC)('$name traffic: the quick oracle says what a walk of the whole table says', ({ name }) => {
    const pool = packets(name, 500);
    expect(expectationOf(shapeOracle(table, shape), pool)).toEqual(expectationOf(tableOracle(table), pool));
  });

  test('all packets have one length, and traffic is the same each time', () => {
    for (const { flows } of TRAFFIC) {
      const made = flows(flowsOf(shape), 100);
      for (const flow of made) expect(packetOf(flow, shape.chain, DEVICES).bytes).toHaveLength(PACKET_LENGTH);
      expect(flows(flowsOf(shape), 100)).toEqual(made);
    }
  });
});

test('Zipf traffic has one flow far more often than most', () => {
  const shape = CLASSIFY_RULESETS.find(({ name }) => name === 'blacklist')!.shape(COUNT);
  const counts = new Map<string, number>();
  for (const flow of traffic('zipf').flows(flowsOf(shape), 8_192)) {
    const key = JSON.stringify(flow);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const sorted = [...counts.values()].sort((a, b) => b - a);
  expect(sorted[0]).toBeGreaterThan(500);
  expect(sorted.length).toBeGreaterThan(1_000);
  expect(sorted.at(-1)).toBe(1);
});

test.each(RECIPES)('$name: no rule stands behind one that contains it, and prefixes recur', (recipe) => {
  const { rules } = CLASSIFY_RULESETS.find(({ name }) => name === recipe.name)!.shape(300);
  const contains = (outer: { value: number; length: number }, inner: { value: number; length: number }) =>
    outer.length <= inner.length && (outer.length === 0 || (outer.value ^ inner.value) >>> (32 - outer.length) === 0);
  for (const [index, early] of rules.entries()) {
    for (const late of rules.slice(index + 1)) {
      const isInside =
        contains(early.source, late.source) &&
        contains(early.destination, late.destination) &&
        (early.protocol === undefined || early.protocol === late.protocol) &&
        early.sport.low <= late.sport.low &&
        early.sport.high >= late.sport.high &&
        early.dport.low <= late.dport.low &&
        early.dport.high >= late.dport.high;
      expect(isInside).toBe(false);
    }
  }
  const destinations = new Set(rules.map(({ destination }) => `${destination.value}/${destination.length}`));
  expect(destinations.size).toBeLessThan(0.9 * rules.length);
});

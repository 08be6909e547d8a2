import { expect, test } from 'vitest';
import { PAPER_RULESETS } from '../../bench/paper-rulesets.ts';

const rulesOf = (name: string, size: number) => PAPER_RULESETS.find((kind) => kind.name === name)!.shape(size).rules;
const distinct = (name: string, size: number, field: 'source' | 'destination' | 'sport' | 'dport') =>
  new Set(rulesOf(name, size).map((rule) => JSON.stringify(rule[field]))).size;

test('rules of N fields combine as many values of each as the paper’s', () => {
  const counts = ['1', '2', '3', '4', '5'].map((n) =>
    (['source', 'destination', 'sport', 'dport'] as const).map((field) => distinct(`paper-fields-${n}`, 1_000, field)),
  );
  expect(counts).toEqual([
    [1_000, 1, 1, 1],
    [40, 25, 1, 1],
    [40, 25, 1, 1],
    [10, 10, 10, 1],
    [10, 5, 4, 5],
  ]);
  expect(new Set(rulesOf('paper-fields-2', 1_000).map(({ protocol }) => protocol))).toEqual(new Set([undefined]));
  expect(new Set(rulesOf('paper-fields-3', 1_000).map(({ protocol }) => protocol))).toEqual(new Set(['udp']));
});

test('the mitigation drops 20 sources with 50 ports, and accepts the web behind them', () => {
  const rules = rulesOf('paper-ddos', 1_001);
  expect(distinct('paper-ddos', 1_000, 'source')).toBe(21);
  expect(distinct('paper-ddos', 1_000, 'sport')).toBe(51);
  expect(rules.filter(({ verdict }) => verdict === 'ACCEPT')).toEqual([rules.at(-1)]);
});

test('of the enterprise each server sends, and offers nine services', () => {
  const rules = rulesOf('paper-enterprise', 50);
  expect(rules.filter(({ source }) => source.length > 0)).toHaveLength(5);
  const services = new Map<number, number>();
  for (const { destination } of rules.slice(5)) {
    services.set(destination.value, (services.get(destination.value) ?? 0) + 1);
  }
  expect([...services.values()]).toEqual([9, 9, 9, 9, 9]);
});

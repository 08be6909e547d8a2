import fc from 'fast-check';
import { expect, it } from 'vitest';
import { interpret } from '../../../src/reference/interpret.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { Coverage, PREDICATE_KINDS } from '../../harness/coverage.ts';
import { rulesetText, type Scenario, scenarios } from '../../harness/generate.ts';
import { EVERYTHING, LARGE, type Vocabulary, XDP } from '../../harness/random-rules.ts';

function tableOf(scenario: Scenario) {
  const { ruleset, diagnostics } = parseRuleset(rulesetText(scenario), { file: 'random.rules' });
  expect(diagnostics, rulesetText(scenario)).toEqual([]);
  return ruleset.tables[0]!;
}

function cover(vocabulary: Vocabulary, coverage: Coverage): void {
  fc.assert(
    fc.property(scenarios({ vocabulary, packets: 200 }), (scenario) => {
      const table = tableOf(scenario);
      for (const packet of scenario.packets) {
        coverage.packet(table, packet, interpret(table, packet, coverage.rule));
      }
    }),
    { numRuns: 120, seed: 1 },
  );
}

it('makes rulesets that our parser takes and packets that meet them', () => {
  const coverage = new Coverage();
  cover(EVERYTHING, coverage);
  expect(coverage.shortfalls({ decidedByRule: 0.6, rulesHit: 0.6 })).toEqual([]);
});

it('keeps to what XDP can be asked', () => {
  const coverage = new Coverage(
    'ipv4',
    PREDICATE_KINDS.filter((kind) => kind !== '-o'),
  );
  cover(XDP, coverage);
  expect(coverage.shortfalls({ decidedByRule: 0.6, rulesHit: 0.6 })).toEqual([]);
  for (const scenario of fc.sample(scenarios({ vocabulary: XDP, packets: 20 }), { numRuns: 50, seed: 1 })) {
    expect(rulesetText(scenario)).not.toMatch(/-A OUTPUT| -o /);
    expect(scenario.packets.map((packet) => packet.hook)).not.toContain('OUTPUT');
  }
});

it.each(LARGE.manners!)('makes large rulesets in the manner %s', (manner) => {
  const vocabulary = { ...EVERYTHING, ...LARGE, manners: [manner] };
  let [decided, packets] = [0, 0];
  for (const scenario of fc.sample(scenarios({ vocabulary, packets: 100 }), { numRuns: 8, seed: 1 })) {
    const table = tableOf(scenario);
    expect(table.chains.reduce((sum, { rules }) => sum + rules.length, 0)).toBeGreaterThanOrEqual(50);
    for (const packet of scenario.packets) {
      packets++;
      const { counted, hotdrop } = interpret(table, packet);
      if (hotdrop || counted[0]!.rule !== 'policy') decided++;
    }
  }
  expect(decided / packets).toBeGreaterThan(0.5);
});

it('keeps to the number of rules and chains asked for', () => {
  const vocabulary = { ...EVERYTHING, rules: { min: 3, max: 3 }, userChains: { min: 0, max: 0 } };
  for (const scenario of fc.sample(scenarios({ vocabulary, packets: 5 }), { numRuns: 50, seed: 1 })) {
    const count = rulesetText(scenario).match(/^-A/gm)!.length;
    // A wide last rule may come on top of each built-in chain.
    expect(count).toBeGreaterThanOrEqual(3);
    expect(count).toBeLessThanOrEqual(6);
    expect(scenario.packets).toHaveLength(5);
  }
});

it('repeats itself from a seed', () => {
  const draw = () => fc.sample(scenarios({ packets: 20 }), { seed: 7, numRuns: 3 });
  expect(draw()).toEqual(draw());
});

it('shrinks to one rule and one packet', () => {
  const vocabulary = { ...EVERYTHING, userChains: { min: 0, max: 0 } };
  const isDecidedByTcp = (scenario: Scenario): boolean => {
    const table = tableOf(scenario);
    return scenario.packets.some((packet) =>
      interpret(table, packet).counted.some(({ chain, rule }) => {
        const found = rule === 'policy' ? undefined : table.chains.find((c) => c.name === chain)!.rules[rule]!;
        return found?.protocol?.value === 6 && !found.protocol.negated && found.target.kind === 'extension';
      }),
    );
  };
  const run = fc.check(
    fc.property(scenarios({ vocabulary, packets: 100 }), (scenario) => !isDecidedByTcp(scenario)),
    { seed: 1 },
  );
  const smallest = run.counterexample![0];
  expect(smallest.packets).toHaveLength(1);
  expect(rulesetText(smallest).match(/^-A.*/gm)).toEqual([expect.stringMatching(/^-A \w+ -p (tcp|6) -j \w+$/)]);
});

it('names what was met too little', () => {
  const found = new Coverage().shortfalls();
  expect(found).toContain('-s: never held');
  expect(found).toContain('tcp --tcp-flags: never negatedFailed');
  expect(found).toContain('no later fragment');
  expect(() => new Coverage().assertFloors()).toThrow('coverage below the floors');
});

// What `explain` says is dropped early, against early verdicts themselves: whatever they count, it names.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { EarlyFacts } from '../../../src/base/early.ts';
import type { IntervalSet } from '../../../src/base/intervals.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { Flattener } from '../../../src/classify/flatten.ts';
import { filterTable } from '../../../src/engine/compile.ts';
import { EarlyCompiler } from '../../../src/engine/early.ts';
import { explainEarly } from '../../../src/engine/explain-early.ts';
import { Meanings } from '../../../src/graph/chains.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { EARLY_FEATURES } from '../../harness/fake-kernel.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';
import { EVERYTHING } from '../../harness/random-rules.ts';

const single = (addresses: readonly number[]): IntervalSet =>
  [...new Set(addresses)].sort((a, b) => a - b).map((low) => ({ low, high: low }));
const local = EVERYTHING.destinations.INPUT.filter((_, i) => i % 2 === 0);
const FACTS: EarlyFacts = {
  family: 'ipv4',
  local: single(local),
  routed: single(EVERYTHING.destinations.FORWARD.filter((address) => !local.includes(address))),
  devices: [
    { name: 'eth0', sources: single(EVERYTHING.sources.slice(1)), forwards: true },
    { name: 'eth1', sources: single(EVERYTHING.sources), forwards: false },
  ],
};

it('names every rule that early verdicts count', () => {
  const ground = { facts: FACTS, tracked: false, unexpected: true };
  const seen = { counted: 0, late: 0 };
  fc.assert(
    fc.property(scenarios({ vocabulary: EVERYTHING, packets: 30 }), fc.constantFrom(0, 64), (scenario, flatten) => {
      const table = filterTable(parseRuleset(rulesetText(scenario), { file: 'random' }).ruleset);
      const budget = { ...DEFAULT_BUDGET, flatten };
      const chains = new Meanings().chains(table);
      const flattener = new Flattener();
      const lists = flattener.flatten(chains, { budget });
      const { places, none } = explainEarly(
        chains,
        lists,
        flattener,
        { ground, features: EARLY_FEATURES },
        false,
        budget,
      );
      const late = new Set(places.flatMap(({ slot, early }) => (early ? [] : [slot])));
      seen.late += late.size;
      const found = new EarlyCompiler(new Flattener()).compile(chains, ground, EARLY_FEATURES, budget, false);
      expect(found === undefined).toBe(none !== undefined);
      if (found === undefined) return;
      for (const packet of scenario.packets) {
        const fields = { ...fieldsOf(packet), forwardable: 1, outDevice: '' };
        const { verdict, counted } = evaluateClassification(found.classification, 'INPUT', fields);
        if (verdict !== 'drop') continue;
        expect(counted.filter((slot) => late.has(slot))).toEqual([]);
        seen.counted += counted.length;
      }
    }),
    { numRuns: 80, seed: 20 },
  );
  for (const [what, times] of Object.entries(seen)) expect([what, times > 50]).toEqual([what, true]);
});

it('says that a kernel without netfilter programs has no placement exact', () => {
  const chains = new Meanings().chains(
    filterTable(parseRuleset('*filter\n-A INPUT -j DROP\nCOMMIT\n', { file: 'f' }).ruleset),
  );
  const flattener = new Flattener();
  const { netfilterContext: _, ...layout } = EARLY_FEATURES.layout;
  const known = { ground: { facts: FACTS, tracked: false, unexpected: true }, features: { ...EARLY_FEATURES, layout } };
  const lists = flattener.flatten(chains, { budget: DEFAULT_BUDGET });
  expect(explainEarly(chains, lists, flattener, known, false).none).toBe('placement exact needs Linux 6.4 or later');
});

it('says what rules of others leave, and that none of a chain is early where they may apply to any packet', () => {
  const rules = '*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\nCOMMIT\n';
  const chains = new Meanings().chains(filterTable(parseRuleset(rules, { file: 'f' }).ruleset));
  const explained = (at: 'INPUT' | 'FORWARD') => {
    const foreign = { entered: [], mayExpect: false, kept: [{ at, by: 'its mangle', asked: [] }] };
    const known = {
      ground: { facts: { ...FACTS, foreign }, tracked: false, unexpected: true },
      features: EARLY_FEATURES,
    };
    const flattener = new Flattener();
    return explainEarly(chains, flattener.flatten(chains, { budget: DEFAULT_BUDGET }), flattener, known);
  };
  const { notes, hooks, places } = explained('INPUT');
  expect(notes).toEqual(['packets that rules of its mangle may apply to are left to netfilter']);
  expect([hooks, places.map((each) => each.early || each.reason)]).toEqual([['FORWARD'], ['ground', true, 'output']]);
  expect(explained('FORWARD').hooks).toEqual(['INPUT']);
});

// What becomes of a rule must not depend on whether one like it came before.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { ConditionTable } from '../../../src/classify/conditions.ts';
import { literalText } from '../../../src/classify/literals.ts';
import { RuleCompiler } from '../../../src/classify/rule-decisions.ts';
import type { Region } from '../../../src/classify/shapes.ts';
import type { Vector } from '../../../src/classify/vectors.ts';
import { Meanings, type RuleMeaning } from '../../../src/graph/chains.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';
import { EVERYTHING, EVERYTHING6, type Vocabulary } from '../../harness/random-rules.ts';

/** What all rules mean, made anew. */
function meanings(text: string, family: Family): RuleMeaning[] {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test', family });
  expect(diagnostics).toEqual([]);
  const filter = ruleset.tables.find(({ name }) => name === 'filter')!;
  return [...new Meanings(family).chains(filter).values()].flatMap(({ rules }) => rules);
}

/** Each rule with another one like it in front. */
function twice(text: string): string {
  const like = (line: string): string => line.replace(/\b\d+\.\d+\.\d+\.(?=\d)/, '192.0.2.');
  return text.replace(/^-A .*$/gm, (line) => `${like(line)}\n${line}`);
}

const REGIONS: readonly Region[] = ['main', 'odd'];

/** The decisions of a rule as text, in both regions. */
function decisions(compiler: RuleCompiler, rule: RuleMeaning, all: readonly RuleMeaning[]): string[][] {
  const shape = compiler.shapeOf([all]);
  const text = (vector: Vector): string =>
    compiler.table
      .conditionsOf(vector)
      .map((each) => `${each.field} ${JSON.stringify(each.set)} ${each.literals.map(literalText)}`)
      .join(' and ');
  return REGIONS.map((region) => {
    const { drops, match } = compiler.view(rule, { shape, region });
    return [...drops.map(text), match === undefined ? 'never' : text(match)];
  });
}

test.each<[Family, Vocabulary]>([
  ['ipv4', EVERYTHING],
  ['ipv6', EVERYTHING6],
])('rules of %s become what they become alone', (family, vocabulary) => {
  let alike = 0;
  fc.assert(
    fc.property(scenarios({ vocabulary, packets: 0 }), (scenario) => {
      const text = twice(rulesetText(scenario));
      const together = meanings(text, family);
      const compiler = new RuleCompiler(new ConditionTable());
      for (let i = 0; i < Math.min(8, together.length); i++) {
        // The first one that a compiler sees is like none before.
        const apart = meanings(text, family);
        const order = [apart[i]!, ...apart.toSpliced(i, 1)];
        const first = new RuleCompiler(new ConditionTable());
        expect(decisions(compiler, together[i]!, together)).toEqual(decisions(first, apart[i]!, order));
      }
      alike += together.length;
    }),
    { numRuns: 20, seed: 20 },
  );
  expect(alike).toBeGreaterThan(100);
});

// Random rulesets and packets: interpreter = graph = optimized graph = classification = VM = kernel, verdicts, counters.
//
// What was met is printed and has floors: agreement on packets that all fall to the policy would say little.
//
// BPFILTER_RUNS sets how many rulesets (125 for each of the placements, and a 25th of it for each placement with each
// finish forced and each budget too small), BPFILTER_SEED the seed (fixed in CI; `random` for a new one). A failure is shrunk and printed as a case file.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Family } from '../../src/base/family.ts';
import { ORACLE_PLACEMENTS, ORACLE_SETTINGS } from '../harness/compiler-scenarios.ts';
import { Coverage } from '../harness/coverage.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { kernelRunner } from '../harness/kernel-runner.ts';
import { disagreements, failureCase } from '../harness/oracle.ts';
import { MANNERED } from '../harness/random-rules.ts';
import { vmRunner } from '../harness/vm-runner.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 125);
const PACKETS = 200;
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

const coverages = { ipv4: new Coverage(), ipv6: new Coverage('ipv6') };
const coverageOf = ({ family = 'ipv4' }: { readonly family?: Family }) => coverages[family];

describe('compiled programs do what the interpreter says', () => {
  it.each(ORACLE_PLACEMENTS)('at $name', ({ options, inKernel, name: _, ...about }) => {
    const runners = inKernel ? [vmRunner(), kernelRunner()] : [vmRunner()];
    fc.assert(
      fc.property(scenarios({ ...options, packets: PACKETS }), ({ ruleset, packets }) => {
        const text = rulesetText({ ruleset, packets });
        const found = disagreements(text, packets, { ...about, runners, observe: coverageOf(about) });
        if (found.length === 0) return;
        expect.fail(`${found.slice(0, 10).join('\n')}\n\n${failureCase(found[0]!, text, packets)}`);
      }),
      { numRuns: RUNS, seed },
    );
  });

  describe.each(ORACLE_SETTINGS)('$name', ({ name: _setting, ...setting }) => {
    it.each(ORACLE_PLACEMENTS)('at $name', ({ options, inKernel, name: _, ...about }) => {
      const runners = inKernel ? [vmRunner(), kernelRunner()] : [vmRunner()];
      const vocabulary = { ...options.vocabulary!, ...MANNERED };
      fc.assert(
        fc.property(scenarios({ ...options, vocabulary, packets: PACKETS }), ({ ruleset, packets }) => {
          const text = rulesetText({ ruleset, packets });
          const found = disagreements(text, packets, { ...about, runners, ...setting });
          if (found.length === 0) return;
          expect.fail(`${found.slice(0, 10).join('\n')}\n\n${failureCase(found[0]!, text, packets)}`);
        }),
        { numRuns: RUNS / 25, seed },
      );
    });
  });

  it.each(Object.entries(coverages))(
    'and rules, predicates and shapes of %s were met enough for that to mean something',
    (_, coverage) => {
      console.log(coverage.report());
      // A handful of rulesets cannot hold everything.
      if (RUNS >= 125) coverage.assertFloors();
    },
  );
});

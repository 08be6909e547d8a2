// Random rulesets and packets: interpreter = graph = optimized graph = classification = VM = kernel, verdicts, counters.
//
// BPFILTER_RUNS sets how many rulesets (250 for each placement), BPFILTER_SEED the seed (fixed in CI; `random` for a
// new one). A failure is shrunk and printed as a case file.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ORACLE_PLACEMENTS } from '../harness/compiler-scenarios.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { kernelRunner } from '../harness/kernel-runner.ts';
import { disagreements, failureCase } from '../harness/oracle.ts';
import { vmRunner } from '../harness/vm-runner.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 250);
const PACKETS = 200;
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

describe('compiled programs do what the interpreter says', () => {
  it.each(ORACLE_PLACEMENTS)('at placement $placement', ({ placement, options, localDestinations }) => {
    const runners = [vmRunner(), kernelRunner()];
    fc.assert(
      fc.property(scenarios({ ...options, packets: PACKETS }), ({ ruleset, packets }) => {
        const text = rulesetText({ ruleset, packets });
        const found = disagreements(text, packets, { placement, runners, localDestinations });
        if (found.length === 0) return;
        expect.fail(`${found.slice(0, 10).join('\n')}\n\n${failureCase(found[0]!, text, packets)}`);
      }),
      { numRuns: RUNS, seed },
    );
  });
});

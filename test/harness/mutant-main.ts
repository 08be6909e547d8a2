// Runs the compiler's oracle until it objects: bundled with one seeded fault by the mutation test.
//
// Exit status 0: no objection; 3: a disagreement, or a program that the kernel refuses; else: something else broke.

import fc from 'fast-check';
import { VerifierError } from '../../src/kernel/errors.ts';
import { ORACLE_PLACEMENTS } from './compiler-scenarios.ts';
import { rulesetText, scenarios } from './generate.ts';
import { kernelRunner } from './kernel-runner.ts';
import { disagreements } from './oracle.ts';
import { vmRunner } from './vm-runner.ts';

const [seed, rulesets, packets] = process.argv.slice(2).map(Number) as [number, number, number];
const vm = vmRunner();
const kernel = kernelRunner();
const samples = ORACLE_PLACEMENTS.map(({ placement, options, localDestinations, inKernel }) => ({
  options: { placement, runners: inKernel ? [vm, kernel] : [vm], localDestinations },
  scenarios: fc.sample(scenarios({ ...options, packets }), { seed, numRuns: rulesets }),
}));

for (let index = 0; index < rulesets; index++) {
  for (const { options, scenarios: found } of samples) {
    const scenario = found[index]!;
    const objection = object(rulesetText(scenario), scenario.packets, options);
    if (objection === undefined) continue;
    console.log(`after ${index + 1} rulesets at placement ${options.placement}: ${objection}`);
    process.exit(3);
  }
}

function object(...[text, inside, options]: Parameters<typeof disagreements>): string | undefined {
  try {
    return disagreements(text, inside, options)[0];
  } catch (error) {
    if (error instanceof VerifierError || (error instanceof Error && /^(vm|pass)\b/.test(error.message)))
      return error.message;
    throw error;
  }
}

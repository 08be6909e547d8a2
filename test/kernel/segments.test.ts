// The kernel takes programs of tables and exits, and they do what the classification says.

import { describe, it } from 'vitest';
import { kernelRunner } from '../harness/kernel-runner.ts';
import { runScenario, SEGMENT_SCENARIOS } from '../harness/segment-scenarios.ts';

describe('segments in the kernel', () => {
  it.each(SEGMENT_SCENARIOS)('$name', (scenario) => {
    runScenario(scenario, kernelRunner(), 12);
  });
});

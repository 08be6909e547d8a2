// Puts two rulesets into force in turn, in the namespace it is run in: flipper.ts FLIPS FAMILY PLACEMENT FILE FILE
//
// At placement `exact` it prints how many packets were dropped early, by every tenth.

import { readFileSync } from 'node:fs';
import { openEngine } from '../../src/engine/engine.ts';
import { LockError } from '../../src/kernel/errors.ts';
import { sleep } from '../../src/kernel/wait.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';

const [flips, family, placement, ...files] = process.argv.slice(2);
const rulesets = files.map((file) => ({
  file,
  ...parseRuleset(readFileSync(file, 'utf8'), { file, family: family === 'ipv6' ? 'ipv6' : 'ipv4' }),
}));
const engine = openEngine({ run: process.env.BPFILTER_RUN_DIR!, state: process.env.BPFILTER_STATE_DIR! });
const isExact = placement === 'exact';
let early = 0;
for (let flip = 0; flip < Number(flips); flip++) {
  const { ruleset, file } = rulesets[flip % rulesets.length]!;
  if (isExact && flip % 10 === 1) early += Number(engine.status().families[ruleset.family].early?.dropped ?? 0);
  const result = locked(() =>
    engine.apply({
      ruleset,
      source: { file },
      counters: 'carry',
      placement: isExact ? 'exact' : 'netfilter',
      devices: isExact ? ['in0', 'out0'] : [],
      mode: isExact ? 'generic' : 'auto',
      allowInexact: [],
    }),
  );
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  sleep(5);
}
engine.close();
if (isExact) process.stdout.write(`${early}\n`);

/** Whoever waits by the engine's own means looks less and less often, and hardly finds the short time between two flips. */
function locked<T>(work: () => T): T {
  for (;;) {
    try {
      return engine.withLock(0, work);
    } catch (error) {
      if (!(error instanceof LockError)) throw error;
      sleep(2);
    }
  }
}

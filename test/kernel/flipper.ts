// Puts two rulesets into force in turn, in the namespace it is run in: flipper.ts FLIPS FAMILY PLACEMENT FILE FILE
//
// At placement `exact` it prints how many packets were dropped early, but by the last.

import { readFileSync } from 'node:fs';
import { openEngine } from '../../src/engine/engine.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';

const [flips, family, placement, ...files] = process.argv.slice(2);
const rulesets = files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
const engine = openEngine({ run: process.env.BPFILTER_RUN_DIR!, state: process.env.BPFILTER_STATE_DIR! });
const isExact = placement === 'exact';
let early = 0;
for (let flip = 0; flip < Number(flips); flip++) {
  const source = rulesets[flip % rulesets.length]!;
  const { ruleset } = parseRuleset(source.text, { file: source.file, family: family === 'ipv6' ? 'ipv6' : 'ipv4' });
  if (isExact) early += Number(engine.status().families.ipv4.early!.dropped);
  const result = engine.withLock(30, () =>
    engine.apply({
      ruleset,
      source: { file: source.file },
      counters: 'carry',
      placement: isExact ? 'exact' : 'netfilter',
      devices: isExact ? ['in0', 'out0'] : [],
      mode: isExact ? 'generic' : 'auto',
      allowInexact: [],
    }),
  );
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
}
engine.close();
if (isExact) process.stdout.write(`${early}\n`);

// Puts two rulesets into force in turn, in the namespace it is run in: flipper.ts FLIPS FILE FILE

import { readFileSync } from 'node:fs';
import { openEngine } from '../../src/engine/engine.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';

const [flips, ...files] = process.argv.slice(2);
const rulesets = files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
const engine = openEngine({ run: process.env.BPFILTER_RUN_DIR!, state: process.env.BPFILTER_STATE_DIR! });
for (let flip = 0; flip < Number(flips); flip++) {
  const source = rulesets[flip % rulesets.length]!;
  const { ruleset } = parseRuleset(source.text, { file: source.file });
  const result = engine.withLock(10, () =>
    engine.apply({
      ruleset,
      source: { file: source.file },
      counters: 'carry',
      placement: 'netfilter',
      devices: [],
      mode: 'auto',
      allowInexact: [],
    }),
  );
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
}
engine.close();

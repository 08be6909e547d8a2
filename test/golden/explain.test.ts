// What `bpfilter explain` says of rulesets at placement `exact`. `vitest -u` writes the expected files anew.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeExplanation } from '../../src/cli/bpfilter-explain.ts';
import { explainRuleset } from '../../src/engine/explain.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { EARLY_FEATURES } from '../harness/fake-kernel.ts';

const folder = new URL('explain/', import.meta.url);

test.each(readdirSync(folder).filter((name) => name.endsWith('.rules')))('%s', async (name) => {
  const { ruleset, diagnostics } = parseRuleset(readFileSync(new URL(name, folder), 'utf8'), { file: name });
  expect(diagnostics).toEqual([]);
  const found = explainRuleset(ruleset, { placement: 'exact', file: name, features: () => EARLY_FEATURES });
  if (!('hooks' in found)) throw new Error(found[0]!.message);
  const expected = new URL(name.replace('.rules', '.expected'), folder).pathname;
  await expect(describeExplanation(found, true)).toMatchFileSnapshot(expected);
});

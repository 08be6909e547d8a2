// The graph of a small ruleset, as built and after each pass, and what the classifier makes of it. `vitest -u` writes the
// files anew; the difference is to be read like code.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { classify } from '../../../src/classify/linear.ts';
import { printClassification } from '../../../src/classify/print.ts';
import { buildGraph } from '../../../src/graph/build.ts';
import { printDot } from '../../../src/graph/dot.ts';
import { printGraph } from '../../../src/graph/print.ts';
import { runPasses } from '../../../src/passes/pipeline.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';

it('looks as it did', async () => {
  const file = 'small.rules';
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const { ruleset, diagnostics } = parseRuleset(text, { file });
  expect(diagnostics).toEqual([]);
  const built = buildGraph(ruleset.tables.find(({ name }) => name === 'filter')!);
  const dumps: [string, string][] = [['00-build', printGraph(built)]];
  const optimized = runPasses(built, {
    check: true,
    hidden: { FORWARD: ['outDevice'] },
    onPass: (name, graph) => dumps.push([`${String(dumps.length).padStart(2, '0')}-${name}`, printGraph(graph)]),
  });
  dumps.push(['classification', printClassification(classify(optimized))]);
  for (const [name, dump] of dumps) await expect(dump).toMatchFileSnapshot(`small/${name}.txt`);
  await expect(printDot(optimized)).toMatchFileSnapshot('small/optimized.dot');
});

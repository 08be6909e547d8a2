// A compiler that lives on knows conditions by number, and begins to number anew once most of them are gone.

import { expect, it } from 'vitest';
import { type CompileOptions, Compiler, compileRuleset } from '../../../src/engine/compile.ts';
import type { Ruleset } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';

const OPTIONS: CompileOptions = {
  ...{ placement: 'netfilter', allowInexact: [], features: FEATURES, file: 'rules' },
  facts: { localDestinations: [] },
};

/** Drops some sources in INPUT, and some in FORWARD. */
function rules(input: readonly number[], forward: readonly number[]): Ruleset {
  const drop = (chain: string) => (host: number) =>
    `-A ${chain} -s 10.${host >> 16}.${(host >> 8) & 255}.${host & 255} -j DROP`;
  const lines = [...input.map(drop('INPUT')), ...forward.map(drop('FORWARD'))];
  const text = ['*filter', ':INPUT ACCEPT', ':FORWARD ACCEPT', ':OUTPUT ACCEPT', ...lines, 'COMMIT', ''].join('\n');
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'rules' });
  expect(diagnostics).toEqual([]);
  return ruleset;
}

it('takes nothing from conditions of before for those that have their numbers now', () => {
  const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n);
  const compiler = new Compiler();
  const compile = (ruleset: Ruleset) => compiler.compile(ruleset, OPTIONS);
  compile(rules(numbers(50), []));
  for (let round = 0; round < 7; round++) compile(rules(numbers(50), numbers(2500, 1000 + 2500 * round)));
  const reversed = rules(numbers(50).reverse(), []);
  compile(reversed);
  expect(compile(reversed)).toEqual(compileRuleset(reversed, OPTIONS));
});

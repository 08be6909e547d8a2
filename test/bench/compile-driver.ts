// Reads and compiles a ruleset in a process of its own, and prints what that took as JSON: see build.ts.
//
//   FILE        the ruleset
//   OPTIONS     JSON: what `compileRuleset` is to be told
//   CHAIN       where a rule is appended, `TIMES` times, each time compiled again with what is known by then

import { readFileSync } from 'node:fs';
import { type CompileOptions, compileRuleset, filterTable } from '../../src/engine/compile.ts';
import type { Ruleset } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import type { Built } from './build.ts';

const [file, optionText, chainName, times] = process.argv.slice(2);
const options = JSON.parse(optionText!) as CompileOptions;

const begin = performance.now();
const { ruleset } = parseRuleset(readFileSync(file!, 'utf8'), { file: file! });
const parsed = performance.now();
const size = compile(ruleset);
const compiled = performance.now();
const warm = Array.from({ length: Number(times) }, (_, n) => {
  const changed = appended(ruleset, n);
  const start = performance.now();
  compile(changed);
  return performance.now() - start;
});
const built: Built = {
  parse: parsed - begin,
  cold: compiled - parsed,
  warm,
  memory: 1024 * process.resourceUsage().maxRSS,
  bytes: size,
};
process.stdout.write(JSON.stringify(built));

/** Bytes of all maps but their zeros: tables. */
function compile(changed: Ruleset): number {
  const result = compileRuleset(changed, options);
  if (!result.ok) {
    process.stderr.write(`${result.diagnostics[0]!.message}\n`);
    process.exit(3);
  }
  return result.image.maps.reduce((sum, { contents }) => sum + (contents?.length ?? 0), 0);
}

function appended(from: Ruleset, n: number): Ruleset {
  const line = `*filter\n-A ${chainName} -s 192.0.2.${n}/32 -p tcp -m tcp --dport 7777 -j DROP\nCOMMIT\n`;
  const [rule] = filterTable(parseRuleset(line, { file: 'appended' }).ruleset).chains.find(
    ({ name }) => name === chainName,
  )!.rules;
  return {
    ...from,
    tables: from.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) =>
        chain.name === chainName ? { ...chain, rules: [...chain.rules, rule!] } : chain,
      ),
    })),
  };
}

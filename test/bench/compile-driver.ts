// Reads and compiles a ruleset in a process of its own, and prints what that took as JSON: see build.ts.
//
//   FILE        the ruleset
//   OPTIONS     JSON: what the compiler is to be told
//   CHAIN       where a rule is appended, `TIMES` times, each time compiled again with what is known by then

import { readFileSync } from 'node:fs';
import { type CompileOptions, Compiler, filterTable } from '../../src/engine/compile.ts';
import { extendPlan, inheritSlots, roomyPlan } from '../../src/engine/slots.ts';
import type { Ruleset } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import type { Built } from './build.ts';

const [file, optionText, chainName, times] = process.argv.slice(2);
const options = JSON.parse(optionText!) as CompileOptions;

const compiler = new Compiler();
const begin = performance.now();
const { ruleset } = parseRuleset(readFileSync(file!, 'utf8'), { file: file! });
const parsed = performance.now();
let table = filterTable(ruleset);
let plan = roomyPlan(table);
const bytes = compile(ruleset);
const compiled = performance.now();
let latest = ruleset;
const warm = Array.from({ length: Number(times) }, (_, n) => {
  latest = appended(latest, n);
  const start = performance.now();
  // As the engine does with an edit: whoever had a counter keeps it.
  const after = filterTable(latest);
  plan = extendPlan(inheritSlots({ table, plan }, after), after, plan)!;
  table = after;
  compile(latest);
  return performance.now() - start;
});
const built: Built = {
  ...{ parse: parsed - begin, cold: compiled - parsed, warm },
  ...{ memory: mostResident(), bytes },
};
process.stdout.write(JSON.stringify(built));

/**
 * The most bytes that this process had resident. Its resource usage would not tell: the kernel counts there what the
 * parent had when it started the process.
 */
function mostResident(): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
  return 1024 * Number(kibibytes);
}

/** Returns the bytes of all tables. */
function compile(changed: Ruleset): number {
  const result = compiler.compile(changed, { ...options, plan });
  if (!result.ok) {
    process.stderr.write(`${result.diagnostics[0]!.message}\n`);
    process.exit(3);
  }
  return result.classification.tables.length;
}

/** One rule more at the end of the chain; all others are the same objects. */
function appended(from: Ruleset, n: number): Ruleset {
  const line = `*filter\n-A ${chainName} -s 192.0.2.${n}/32 -p tcp -m tcp --dport 7777 -j DROP\nCOMMIT\n`;
  const rules = parseRuleset(line, { file: 'appended' }).ruleset.tables.flatMap(({ chains }) =>
    chains.flatMap((chain) => chain.rules),
  );
  return {
    ...from,
    tables: from.tables.map((each) => ({
      ...each,
      chains: each.chains.map((chain) =>
        chain.name === chainName ? { ...chain, rules: [...chain.rules, ...rules] } : chain,
      ),
    })),
  };
}

// Edits the ruleset in force, as a service would, in the namespace it is run in: editor.ts EDITS
//
// A rule that drops port 1002 comes and goes in front of all others; rules that no packet meets are put in anywhere, and
// now and then taken out, so that counter maps fill up. Prints what was seen of counters and counter maps.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openEngine } from '../../src/engine/engine.ts';
import type { Rule } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';

const edits = Number(process.argv[2]);
const run = process.env.BPFILTER_RUN_DIR!;
const engine = openEngine({ run, state: process.env.BPFILTER_STATE_DIR! });
const counterMaps = new Set<string>();
let dropped = 0n;

for (let edit = 0; edit < edits; edit++) {
  const isDropping = edit % 2 === 0;
  engine.withLock(10, () => {
    const before = engine.basis('ipv4')!;
    if (!isDropping) dropped += countOfFirst();
    const tables = before.ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) =>
        chain.name === 'work' ? { ...chain, rules: changed(chain.rules, edit, isDropping) } : chain,
      ),
    }));
    const { placement, devices, mode, allowInexact } = before;
    const result = engine.apply({
      ...{ ruleset: { ...before.ruleset, tables }, source: { file: 'editor' }, before, counters: 'kept' },
      ...{ placement, devices, mode, allowInexact },
    });
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    for (const pin of readdirSync(join(run, 'bpf'), { encoding: 'utf8', recursive: true })) {
      if (/\/g\d+_/.test(pin)) counterMaps.add(pin);
    }
    if (edit % 3 !== 0) for (const problem of engine.settle()) throw new Error(problem);
  });
}
engine.withLock(10, () => engine.settle());
engine.close();
process.stdout.write(JSON.stringify({ counterMaps: counterMaps.size, dropped: Number(dropped) }));

function changed(rules: readonly Rule[], edit: number, isDropping: boolean): Rule[] {
  const next = isDropping ? [...rulesOf('-p udp -m udp --dport 1002 -j DROP'), ...rules] : rules.slice(1);
  const at = 1 + ((edit * 7) % next.length);
  next.splice(at, 0, ...rulesOf(`-s 192.0.2.${edit % 250}/32 -j DROP`));
  if (edit % 5 === 4) next.splice(next.length - 1, 1);
  return next;
}

/** What the first rule of `work` has counted. */
function countOfFirst(): bigint {
  return engine.counters('ipv4').get('work')!.rules[0]!.packets;
}

function rulesOf(rule: string): readonly Rule[] {
  const text = `*filter\n:work - [0:0]\n-A work ${rule}\nCOMMIT\n`;
  return parseRuleset(text, { file: 'editor' }).ruleset.tables[0]!.chains.at(-1)!.rules;
}

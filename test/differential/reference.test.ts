// Random rulesets and packets through the kernel's own iptables-legacy: every counter is what the interpreter says, and
// as many packets get through.
//
// BPFILTER_RUNS sets how many rulesets (500), BPFILTER_SEED the seed (fixed in CI; `random` for a new one). A failure
// is shrunk and printed as a case file.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HookPacket } from '../../src/base/packet.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { Coverage } from '../harness/coverage.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { legacyIptables } from '../harness/iptables.ts';
import { type Lab, type Subject, withLab } from '../harness/lab.ts';
import { LAB, leaves, seenOf, settle } from '../harness/lab-world.ts';
import { failureCase } from '../harness/oracle.ts';
import { parsePacket } from '../harness/packet-notation.ts';
import { differences, flatten, Tally } from '../harness/table-counters.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 500);
const PACKETS = 200;
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

/** What differs between the subject and the interpreter, in sentences. */
function disagreements(lab: Lab, subject: Subject, text: string, packets: readonly HookPacket[], coverage: Coverage) {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'random.rules' });
  if (diagnostics.length > 0) return diagnostics.map((d) => `refused by the parser: ${d.span.line}: ${d.message}`);
  const table = ruleset.tables[0]!;
  const tally = new Tally(table);
  let left = 0;
  for (const packet of packets) {
    for (const seen of seenOf(table, packet, coverage.rule)) {
      coverage.packet(table, seen.packet, seen.outcome);
      tally.add(seen.outcome, seen.packet.bytes.length);
      if (leaves(seen)) left++;
    }
  }
  const observed = lab.runScenario(subject, text, packets);
  return [
    ...differences(tally.counters, observed.counters),
    ...(left === observed.left ? [] : [`packets that leave: expected ${left}, found ${observed.left}`]),
  ];
}

it('the interpreter counts what iptables-legacy counts', async () => {
  await withLab((lab) => {
    const coverage = new Coverage();
    fc.assert(
      fc.property(scenarios({ vocabulary: LAB, packets: PACKETS, settle }), (scenario) => {
        const text = rulesetText(scenario);
        const found = disagreements(lab, legacyIptables, text, scenario.packets, coverage);
        if (found.length === 0) return;
        expect.fail(`${found.slice(0, 10).join('\n')}\n\n${failureCase(found[0]!, text, scenario.packets)}`);
      }),
      { numRuns: RUNS, seed },
    );
    console.log(coverage.report());
    coverage.assertFloors();
  });
});

it('malformed frames reach no hook', async () => {
  await withLab((lab) => {
    const good = parsePacket('INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:22 syn payload=20');
    const rules = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT\nCOMMIT\n';
    const { counters } = lab.runScenario(legacyIptables, rules, [good]);
    lab.sendMalformed(good);
    const after = legacyIptables.counters(lab.router);
    expect(flatten(counters).find(([place]) => place === 'INPUT:1')?.[1]).toEqual({ packets: 1n, bytes: 60n });
    expect(differences(counters, after)).toEqual([]);
  });
});

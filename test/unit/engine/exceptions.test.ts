// Long rulesets of which a few rules ask more than the others, as they come and go: interpreter = programs, and a compiler
// that lives on = a new one.

import { expect, it } from 'vitest';
import type { HookPacket } from '../../../src/base/packet.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { type CompileOptions, Compiler, filterTable } from '../../../src/engine/compile.ts';
import { extendPlan, inheritSlots, roomyPlan } from '../../../src/engine/slots.ts';
import type { Rule, Ruleset } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleset } from '../../../src/ruleset/print.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { programDisagreements } from '../../harness/oracle.ts';
import { buildPacket } from '../../harness/packet-builder.ts';
import type { Choice } from '../../harness/random.ts';
import { vmRunner } from '../../harness/vm-runner.ts';

const LISTED = 1100;
const CHANGES = 16;
/** Changes after which programs are asked, too. */
const RUN_EVERY = 8;

/** 10.0.0.0 and on, one in three a network of two. */
const listed = (n: number): string =>
  n % 3 === 0 ? `10.0.${n >> 7}.${(n & 127) * 2}/31` : `10.0.${n >> 7}.${(n & 127) * 2}/32`;

function parsed(lines: readonly string[]): Ruleset {
  const text = [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ...lines,
    'COMMIT',
    '',
  ];
  const { ruleset, diagnostics } = parseRuleset(text.join('\n'), { file: 'rules' });
  expect(diagnostics).toEqual([]);
  return ruleset;
}

/** A rule for one source, mostly, that asks for a service. */
function exception(choice: Choice): Rule {
  const source = choice.weighted<string>([
    [6, `-s ${listed(choice.integer(0, LISTED - 1))}`],
    [3, `-s 192.0.2.${choice.integer(0, 3)}/32`],
    [1, ''],
  ]);
  const protocol = choice.pick(['tcp', 'udp']);
  const service = choice.pick([`-p ${protocol} -m ${protocol} --dport ${choice.integer(52, 55)}`, `-p ${protocol}`]);
  const target = choice.pick(['-j DROP', '-j ACCEPT', '']);
  return filterTable(parsed([`-A INPUT ${source} ${service} ${target}`])).chains[0]!.rules[0]!;
}

function randomPacket(choice: Choice): HookPacket {
  const n = choice.integer(0, LISTED + 50);
  const source = choice.chance(0.3)
    ? 0xc0000200 + choice.integer(0, 4)
    : 0x0a000000 + ((n >> 7) << 8) + (n & 127) * 2 + choice.integer(0, 1);
  const ports = { sport: 1000, dport: choice.integer(51, 56) };
  const transport = choice.pick([
    { kind: 'udp', ...ports },
    { kind: 'tcp', ...ports, flags: 2 },
    { kind: 'icmp', type: 8, code: 0 },
  ] as const);
  const shape = choice.pick([{}, {}, { cut: choice.integer(0, 12) }, { fragmentOffset: choice.pick([1, 100]) }]);
  const payload = new Uint8Array(30);
  const bytes = buildPacket({ source, destination: 0x0a630001, transport, payload, ...shape });
  return { hook: 'INPUT', inDevice: 'eth0', outDevice: '', bytes };
}

it('are enforced as they are written, whatever came before', () => {
  const choice = seededChoice(11, LISTED);
  const runner = vmRunner();
  const options: CompileOptions = {
    ...{ placement: 'netfilter', allowInexact: [], features: FEATURES, file: 'rules' },
    facts: { localDestinations: [] },
  };
  let ruleset = parsed(Array.from({ length: LISTED }, (_, n) => `-A INPUT -s ${listed(n)} -j DROP`));
  let plan = roomyPlan(filterTable(ruleset));
  const compiler = new Compiler();
  const present: Rule[] = [];
  const met = new Set<number>();
  for (let change = 0; change < CHANGES; change++) {
    const packets = Array.from({ length: 150 }, () => randomPacket(choice));
    const outcomes = (compiled: ReturnType<Compiler['compile']>): unknown[] => {
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      met.add(compiled.classification.segments.length);
      return packets.map((packet) => evaluateClassification(compiled.classification, 'INPUT', fieldsOf(packet)));
    };
    const warm = outcomes(compiler.compile(ruleset, { ...options, plan }));
    expect(warm).toEqual(outcomes(new Compiler().compile(ruleset, { ...options, plan })));
    if (change % RUN_EVERY === 3) {
      const text = printRuleset(ruleset, { counters: false });
      expect(programDisagreements(text, packets, { placement: 'netfilter', runners: [runner] })).toEqual([]);
    }
    const table = filterTable(ruleset);
    const [input] = table.chains;
    const rules = [...input!.rules];
    if (present.length > 0 && choice.chance(0.4)) {
      rules.splice(rules.indexOf(present.splice(choice.integer(0, present.length - 1), 1)[0]!), 1);
    } else {
      const rule = exception(choice);
      present.push(rule);
      rules.splice(choice.integer(0, rules.length), 0, rule);
    }
    const edited = { ...table, chains: table.chains.with(0, { ...input!, rules }) };
    plan = extendPlan(inheritSlots({ table, plan }, edited), edited, plan) ?? roomyPlan(edited);
    ruleset = { ...ruleset, tables: [edited] };
  }
  // Lists of both regions of a shape, with exceptions and without, and others that are not parted.
  expect(met.size).toBeGreaterThan(2);
});

// A compiler that lives on, from one ruleset to the next, makes what a new one would: it knows rules by object, and
// conditions by number, and begins to number anew once most of them are gone.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FAMILIES } from '../../../src/base/family.ts';
import type { HookPacket } from '../../../src/base/packet.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import {
  type CompileOptions,
  type CompileResult,
  Compiler,
  compileRuleset,
  filterTable,
} from '../../../src/engine/compile.ts';
import type { EarlyGround } from '../../../src/engine/early-ground.ts';
import { extendPlan, inheritSlots, roomyPlan } from '../../../src/engine/slots.ts';
import type { Ruleset } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { ORACLE_SETTINGS } from '../../harness/compiler-scenarios.ts';
import { EARLY_FEATURES, FEATURES } from '../../harness/fake-kernel.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';
import type { Choice } from '../../harness/random.ts';
import { EVERYTHING, EVERYTHING6, MANNERED, type Vocabulary } from '../../harness/random-rules.ts';

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

const EARLY: EarlyGround = {
  facts: {
    family: 'ipv4',
    local: [{ low: 0x0b000001, high: 0x0b000001 }],
    routed: [{ low: 0x0c000000, high: 0x0cffffff }],
    devices: [{ name: 'eth0', sources: [{ low: 0x0a000000, high: 0x0affffff }], forwards: true }],
  },
  ...{ tracked: false, unexpected: true },
};

it.each<[string, CompileOptions]>([
  ['netfilter', OPTIONS],
  ['exact', { ...OPTIONS, placement: 'exact', features: EARLY_FEATURES, early: EARLY }],
])('takes nothing from conditions of before for those that have their numbers now: %s', (_, options) => {
  const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n);
  const compiler = new Compiler();
  const compile = (ruleset: Ruleset) => compiler.compile(ruleset, options);
  compile(rules(numbers(50), []));
  for (let round = 0; round < 7; round++) compile(rules(numbers(50), numbers(2500, 1000 + 2500 * round)));
  const reversed = rules(numbers(50).reverse(), []);
  compile(reversed);
  expect(compile(reversed)).toEqual(compileRuleset(reversed, options));
});

it('refuses rules that come to more steps than packets can be walked through, and names their chain', () => {
  const many = rules(
    Array.from({ length: 50 }, (_, n) => n),
    Array.from({ length: 80 }, (_, n) => n),
  );
  const walked = { ...DEFAULT_BUDGET, tableBytes: 0, codeTests: 0 };
  expect(compileRuleset(many, { ...OPTIONS, budget: { ...walked, walkSteps: 200 } }).ok).toBe(true);
  expect(compileRuleset(many, { ...OPTIONS, budget: { ...walked, walkSteps: 120 } })).toEqual({
    ok: false,
    diagnostics: [
      {
        ...{ code: 'too-large', file: 'rules', span: { line: 1, column: 1, length: 7 } },
        message: 'the rules that packets of FORWARD may meet: a walk of more than 120 steps',
      },
    ],
  });
});

it('gives no early verdicts where connections are tracked and cannot be looked up', () => {
  const compile = (tracked: boolean, functions = EARLY_FEATURES.functions) => {
    const features = { ...EARLY_FEATURES, functions };
    const options = { ...OPTIONS, placement: 'exact' as const, features, early: { ...EARLY, tracked } };
    const result = compileRuleset(rules([1], []), options);
    return result.ok && [result.ground !== undefined, result.image.programs.some(({ point }) => point === 'XDP')];
  };
  const { bpf_xdp_ct_lookup: _, ...blind } = EARLY_FEATURES.functions;
  expect([compile(true), compile(false), compile(false, blind)]).toEqual(Array(3).fill([true, true]));
  expect(compile(true, blind)).toEqual([false, false]);
});

const USER_CHAINS = { min: 5, max: 5 };
const VOCABULARY: Readonly<Record<(typeof FAMILIES)[number], Vocabulary>> = {
  ipv4: { ...EVERYTHING, ...MANNERED, userChains: USER_CHAINS, connections: 'given' },
  ipv6: { ...EVERYTHING6, ...MANNERED, userChains: USER_CHAINS, connections: 'given' },
};

/** Takes out rules of a chain, moves others, and puts in some of a ruleset that has the same chains. */
function edited(choice: Choice, ruleset: Ruleset, other: Ruleset): Ruleset {
  const table = filterTable(ruleset);
  const at = choice.integer(0, table.chains.length - 1);
  const chain = table.chains[at]!;
  const rules = [...chain.rules];
  const others = filterTable(other).chains[at]!.rules;
  for (let i = choice.integer(1, 6); i > 0; i--) {
    const taken = choice.chance(0.5) ? rules.splice(choice.integer(0, rules.length), 1) : [];
    const put = others.length > 0 && choice.chance(0.6) ? [{ ...choice.pick(others) }] : [];
    rules.splice(choice.integer(0, rules.length), 0, ...put, ...(choice.chance(0.6) ? taken : []));
  }
  return { ...ruleset, tables: [{ ...table, chains: table.chains.with(at, { ...chain, rules }) }] };
}

/** What becomes of packets, and who counts them. */
function outcomes(result: CompileResult, packets: readonly HookPacket[]): unknown[] {
  if (!result.ok) return [...result.diagnostics];
  return packets.map((packet) => {
    const { verdict, counted } = evaluateClassification(result.classification, packet.hook, fieldsOf(packet));
    return `${verdict} ${counted.join(' ')}`;
  });
}

it.each(FAMILIES)('makes of %s rules that are edited what a new compiler makes of them', (family) => {
  const drawn = () => scenarios({ vocabulary: VOCABULARY[family], packets: 60 });
  let compiled = 0;
  fc.assert(
    fc.property(
      drawn(),
      drawn(),
      fc.nat(),
      fc.constantFrom({ name: 'plain' }, ...ORACLE_SETTINGS),
      (one, other, seed, set) => {
        const parse = (scenario: typeof one): Ruleset =>
          parseRuleset(rulesetText(scenario), { file: 'rules', family }).ruleset;
        const packets = [...one.packets, ...other.packets];
        const choice = seededChoice(seed, 0);
        const { name: _, ...setting } = set;
        const [first, others] = [parse(one), parse(other)];
        const compiler = new Compiler(family);
        let [before, ruleset, plan] = [first, first, roomyPlan(filterTable(first))];
        for (let round = 0; round < 5; round++) {
          const options = { ...OPTIONS, ...setting, plan };
          const warm = compiler.compile(ruleset, options);
          if (warm.ok) compiled++;
          expect(outcomes(warm, packets)).toEqual(outcomes(compileRuleset(ruleset, options), packets));
          // Now and then a change is taken back.
          const next = choice.chance(0.2) ? before : edited(choice, ruleset, others);
          const table = filterTable(next);
          plan =
            extendPlan(inheritSlots({ table: filterTable(ruleset), plan }, table), table, plan) ?? roomyPlan(table);
          [before, ruleset] = [ruleset, next];
        }
      },
    ),
    // Smaller rulesets would lack chains of each other.
    { numRuns: 6, seed: 20, endOnFailure: true },
  );
  expect(compiled).toBeGreaterThan(20);
});

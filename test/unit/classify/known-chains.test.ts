// Edited chains: their lists are those of a walk, and mostly made without one.

import { describe, expect, it } from 'vitest';
import type { PartOptions } from '../../../src/classify/chain-parts.ts';
import { walkChain } from '../../../src/classify/chain-parts.ts';
import { ConditionTable } from '../../../src/classify/conditions.ts';
import { KnownChains } from '../../../src/classify/known-chains.ts';
import { RuleCompiler } from '../../../src/classify/rule-decisions.ts';
import { type Chains, Meanings } from '../../../src/graph/chains.ts';
import type { Rule, Table } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import type { Choice } from '../../harness/random.ts';

const RUNS = 150;

function parsed(lines: readonly string[]): Table {
  const text = ['*filter', ':INPUT ACCEPT [0:0]', ':OTHER - [0:0]', ...lines, 'COMMIT', ''].join('\n');
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  return ruleset.tables[0]!;
}

/** Rules of which some are equal, or hide each other; those that are not plain may ask nothing, or lead elsewhere. */
function randomRule(choice: Choice, isPlain: boolean): Rule {
  const words = [
    ...(isPlain || choice.chance(0.8) ? [`-s 192.0.2.${choice.integer(0, 250)}/32`] : []),
    ...(choice.chance(0.1) ? ['-i eth0'] : []),
    choice.weighted<string>([
      [4, ''],
      [2, '-p tcp'],
      [4, `-p tcp -m tcp --dport ${choice.integer(20, 30)}`],
      [2, `-p udp -m udp --sport ${choice.integer(20, 24)}`],
    ]),
    choice.weighted<string>([
      [6, '-j DROP'],
      [4, '-j ACCEPT'],
      [2, ''],
      [isPlain ? 0 : 1, '-j RETURN'],
      [isPlain ? 0 : 1, '-j OTHER'],
    ]),
  ];
  return parsed([`-A INPUT ${words.join(' ')}`]).chains[0]!.rules[0]!;
}

/** A table whose rules come and go. */
class Edited {
  private rules: Rule[];
  private slots: number[];
  private policy: 'ACCEPT' | 'DROP' = 'ACCEPT';
  private nextSlot: number;
  private readonly isPlain: boolean;
  private readonly table = parsed([]);
  private readonly meanings = new Meanings('ipv4');

  constructor(choice: Choice, isPlain: boolean) {
    this.isPlain = isPlain;
    this.rules = Array.from({ length: 40 }, () => randomRule(choice, isPlain));
    this.slots = this.rules.map((_, i) => i + 1);
    this.nextSlot = this.rules.length + 1;
  }

  change(choice: Choice): void {
    const at = choice.pick([0, this.rules.length, choice.integer(0, this.rules.length)]);
    const gone = choice.pick([0, 0, 1, 1, choice.integer(0, 4)]);
    const come = Array.from({ length: choice.pick([0, 1, 1, choice.integer(0, 4)]) }, () =>
      randomRule(choice, this.isPlain),
    );
    this.rules.splice(at, gone, ...come);
    this.slots.splice(at, gone, ...come.map(() => this.nextSlot++));
    if (choice.chance(0.1)) this.policy = choice.pick(['ACCEPT', 'DROP'] as const);
    // As where a counter map is made anew.
    if (choice.chance(0.05)) this.slots = this.slots.map((_, i) => i + 1);
  }

  chains(): Chains {
    const [input, other] = ['INPUT', 'OTHER'].map((chain) => this.table.chains.find(({ name }) => name === chain));
    const table = { ...this.table, chains: [{ ...input!, rules: this.rules, policy: this.policy }, other!] };
    const slots = [
      { chain: 'INPUT', rules: Int32Array.from(this.slots), policy: 0 },
      { chain: 'OTHER', rules: new Int32Array(0), policy: -1 },
    ];
    return this.meanings.chains(table, { capacity: 1000, used: this.nextSlot, chains: slots });
  }
}

/** A compiler that counts how often it is asked for a rule. */
function counting(): { readonly compiler: RuleCompiler; readonly taken: () => number } {
  const compiler = new RuleCompiler(new ConditionTable());
  const { view } = compiler;
  let views = 0;
  compiler.view = (rule, place) => {
    views++;
    return view.call(compiler, rule, place);
  };
  const taken = (): number => {
    const count = views;
    views = 0;
    return count;
  };
  return { compiler, taken };
}

describe('KnownChains', () => {
  it.each([true, false])('makes of edited chains what a walk makes, plain ones: %s', (isPlain) => {
    const choice = seededChoice(7, RUNS);
    const { compiler, taken } = counting();
    const known = new KnownChains();
    const table = new Edited(choice, isPlain);
    let unwalked = 0;
    for (let change = 0; change < RUNS; change++) {
      const chains = table.chains();
      const chain = chains.get('INPUT')!;
      const shape = compiler.shapeOf([chain.rules]);
      for (const place of [undefined, { shape, region: 'main' }, { shape, region: 'odd' }] as const) {
        const options: PartOptions = { compiler, chains, apart: new Set(), place, hidden: 0 };
        taken();
        const made = known.parts(`INPUT ${place?.region}`, chain, options);
        if (taken() < chain.rules.length / 2) unwalked++;
        expect(made).toEqual(walkChain(chain, options).parts);
      }
      expect(chain.rules.length).toBeGreaterThan(10);
      table.change(choice);
    }
    if (isPlain) expect(unwalked).toBeGreaterThan(RUNS / 3);
  });

  it('looks at the rules of an edit alone', () => {
    const rules = Array.from(
      { length: 200 },
      (_, i) => parsed([`-A INPUT -s 10.0.0.${i} -j DROP`]).chains[0]!.rules[0]!,
    );
    const table = parsed([]);
    const meanings = new Meanings('ipv4');
    const { compiler, taken } = counting();
    const known = new KnownChains();
    const viewsFor = (own: readonly Rule[]): number => {
      const chains = meanings.chains({ ...table, chains: [{ ...table.chains[0]!, rules: own }] });
      known.parts('INPUT', chains.get('INPUT')!, { compiler, chains, apart: new Set(), place: undefined, hidden: 0 });
      return taken();
    };
    expect(viewsFor(rules.slice(0, 199))).toBeGreaterThanOrEqual(199);
    expect(viewsFor(rules)).toBeLessThan(5);
    expect(viewsFor(rules.slice(0, 199))).toBeLessThan(5);
  });
});

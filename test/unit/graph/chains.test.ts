import { describe, expect, it } from 'vitest';
import { type Clause, formatPredicate } from '../../../src/base/predicate.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { Flattener } from '../../../src/classify/flatten.ts';
import { type ChainMeaning, chainsFrom, type Extensions, Meanings } from '../../../src/graph/chains.ts';
import { sequentialSlots } from '../../../src/graph/slots.ts';
import type { Rule, Table } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { seededChoice } from '../../fuzz/seeded.ts';

const CHAINS = [':INPUT DROP [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]', ':b - [0:0]'];

function tableOf(...rules: string[]): Table {
  const { ruleset, diagnostics } = parseRuleset(['*filter', ...CHAINS, ...rules, 'COMMIT', ''].join('\n'), {
    file: 't',
  });
  expect(diagnostics).toEqual([]);
  return ruleset.tables[0]!;
}

function withRules(table: Table, chain: string, rules: readonly Rule[]): Table {
  return { ...table, chains: table.chains.map((each) => (each.name === chain ? { ...each, rules } : each)) };
}

const chain = (meanings: Meanings, table: Table, name: string): ChainMeaning => meanings.chains(table).get(name)!;

describe('Meanings', () => {
  it('says what each rule asks in the order of the kernel, and what it does', () => {
    const table = tableOf(
      '-A INPUT -p udp -i eth+ -s 10.0.0.1/32 -m udp --dport 53 -g a',
      '-A a -j RETURN',
      '-A a -j b',
    );
    const chains = new Meanings().chains(table);
    const [rule] = chains.get('INPUT')!.rules;
    expect(rule!.clauses().map(({ kind, predicate }) => `${kind} ${predicate.field}`)).toEqual([
      'require src',
      'require inDevice',
      'require protocol',
      'require fragment',
      'dropIf transportLength',
      'require dport',
    ]);
    expect(rule!.target).toEqual({ kind: 'goto', chain: 'a' });
    expect(chains.get('a')!.rules.map(({ target }) => target)).toEqual([
      { kind: 'return' },
      { kind: 'call', chain: 'b' },
    ]);
    const { hook, policy, policySlot } = chains.get('INPUT')!;
    expect({ hook, policy, policySlot }).toEqual({ hook: 'INPUT', policy: 'drop', policySlot: 1 });
    expect(chains.get('a')).toMatchObject({ hook: undefined, policy: undefined, policySlot: -1 });
    expect([...chains.get('a')!.slots]).toEqual([4, 5]);
    expect(chainsFrom(chains, 'INPUT').map(({ name }) => name)).toEqual(['INPUT', 'a', 'b']);
    expect(chainsFrom(chains, 'OUTPUT').map(({ name }) => name)).toEqual(['OUTPUT']);
  });

  it('asks IPv6 rules with -p whether their packets can be read, once devices match', () => {
    const text = `*filter\n-A INPUT -s ::5/::ff -d 2001:db8::/32 -i eth0 ! -p tcp\n-A INPUT -p tcp -m tcp --dport 22\nCOMMIT\n`;
    const { ruleset, diagnostics } = parseRuleset(text, { file: 't', family: 'ipv6' });
    expect(diagnostics).toEqual([]);
    const rules = new Meanings('ipv6').chains(ruleset.tables[0]!).get('INPUT')!.rules;
    const shown = rules.map((rule) =>
      rule
        .clauses()
        .map(({ kind, predicate, negated }) => `${kind} ${negated ? 'not ' : ''}${formatPredicate(predicate)}`),
    );
    expect(shown).toEqual([
      [
        'require src6 & ::ff == ::5',
        'require dst6 in 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
        'require inDevice is "eth0"',
        'dropIf malformed in 1',
        'require not protocol in 6',
      ],
      [
        'dropIf malformed in 1',
        'require protocol in 6',
        'require fragment in 0',
        'dropIf transportLength in 0-19',
        'require dport in 22',
      ],
    ]);
  });

  it('takes the slots that it is given', () => {
    const table = tableOf('-A INPUT -j a', '-A a -j DROP');
    const plan = sequentialSlots(table);
    const moved = {
      ...plan,
      chains: plan.chains.map((each) => ({ ...each, rules: each.rules.map((slot) => slot + 10) })),
    };
    expect([...new Meanings().chains(table, moved).get('a')!.slots]).toEqual([14]);
  });

  it('keeps the meaning of rules that stay in their chain, wherever they move', () => {
    const meanings = new Meanings();
    const rules = tableOf(...Array.from({ length: 20 }, (_, i) => `-A INPUT -s 10.0.0.${i}/32 -j DROP`)).chains[0]!
      .rules;
    const spare = tableOf(...Array.from({ length: 40 }, (_, i) => `-A INPUT -d 10.0.0.${i}/32 -j DROP`)).chains[0]!
      .rules;
    const table = tableOf();
    let now = [...rules];
    let before = new Map(
      chain(meanings, withRules(table, 'INPUT', now), 'INPUT').rules.map((each, i) => [now[i]!, each]),
    );
    const choice = seededChoice(7, 0);
    for (let round = 0; round < 200; round++) {
      now = now.filter(() => !choice.chance(0.1));
      for (let i = choice.integer(0, 2); i > 0; i--) {
        const rule = choice.pick(spare);
        if (!now.includes(rule)) now.splice(choice.integer(0, now.length), 0, rule);
      }
      if (choice.chance(0.2)) now.reverse();
      const found = chain(meanings, withRules(table, 'INPUT', now), 'INPUT').rules;
      expect(found).toHaveLength(now.length);
      for (const [index, rule] of now.entries()) {
        const kept = before.get(rule);
        if (kept !== undefined) expect(found[index]).toBe(kept);
        expect(found[index]!.clauses()).toEqual(
          new Meanings()
            .chains(withRules(table, 'INPUT', [rule]))
            .get('INPUT')!
            .rules[0]!.clauses(),
        );
      }
      before = new Map(now.map((rule, index) => [rule, found[index]!]));
    }
    const same = withRules(table, 'INPUT', now);
    expect(chain(meanings, same, 'INPUT').rules).toBe(chain(meanings, same, 'INPUT').rules);
  });

  it('looks at the clauses of a new rule alone, for its lists too', () => {
    let asked = 0;
    const clauses = (): Clause[] => {
      asked++;
      const predicate = { kind: 'in', field: 'dport', set: [{ low: 1, high: 2 }] } as const;
      return [{ kind: 'require', predicate, negated: false }];
    };
    const extensions: Extensions = {
      findMatch: () => ({ meaning: { clauses } }) as never,
      findTarget: () => ({ meaning: { verdict: 'drop' } }) as never,
    };
    const table = tableOf(...Array.from({ length: 30 }, (_, i) => `-A INPUT -s 10.0.0.${i}/32 -p tcp -m tcp -j DROP`));
    const rules = table.chains[0]!.rules;
    const meanings = new Meanings('ipv4', extensions);
    const flattener = new Flattener();
    const lists = (of: Table) =>
      flattener.flatten(meanings.chains(of), { budget: { ...DEFAULT_BUDGET, flatten: 4, segments: 9 } });
    lists(table);
    expect(asked).toBe(30);
    const edited = withRules(
      table,
      'INPUT',
      rules.toSpliced(10, 1, tableOf('-A INPUT -p tcp -m tcp -j DROP').chains[0]!.rules[0]!),
    );
    lists(edited);
    lists(withRules(table, 'INPUT', edited.chains[0]!.rules.slice(1)));
    expect(asked).toBe(31);
  });

  it('refuses what has no meaning', () => {
    const none: Extensions = { findMatch: () => undefined, findTarget: () => undefined };
    expect(() => new Meanings('ipv4', none).chains(tableOf('-A INPUT -j DROP'))).toThrow(
      'line 7: target DROP has no meaning',
    );
    const [rule] = new Meanings('ipv4', { ...none, findTarget: () => ({ meaning: { verdict: 'drop' } }) as never })
      .chains(tableOf('-A INPUT -p tcp -m tcp -j DROP'))
      .get('INPUT')!.rules;
    expect(() => rule!.clauses()).toThrow('line 7: match tcp has no meaning');
  });
});

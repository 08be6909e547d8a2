import { describe, expect, it } from 'vitest';
import { carriedSlots, extendPlan, inheritSlots, readPlan, roomyPlan, storePlan } from '../../../src/engine/slots.ts';
import { sequentialSlots } from '../../../src/graph/slots.ts';
import { TableDraft } from '../../../src/ruleset/draft.ts';
import type { Table } from '../../../src/ruleset/model.ts';
import { systemNames } from '../../../src/ruleset/names.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { PerRule } from '../../../src/ruleset/per-rule.ts';
import { printRuleLine } from '../../../src/ruleset/print.ts';

/** A filter table of rules told apart by a port, by chain. */
function table(chains: Readonly<Record<string, readonly number[]>>): Table {
  const lines = Object.entries(chains).flatMap(([chain, ports]) =>
    ports.map((port) => `-A ${chain} -p tcp -m tcp --dport ${port} -j ACCEPT`),
  );
  const users = Object.keys(chains).filter((chain) => chain !== 'INPUT');
  const text = `*filter\n${users.map((name) => `:${name} - [0:0]\n`).join('')}${lines.join('\n')}\nCOMMIT\n`;
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'slots' });
  expect(diagnostics).toEqual([]);
  return ruleset.tables[0]!;
}

/** The table with rules of INPUT left out, moved and put in. */
function edited(
  before: Table,
  edit: (rules: Table['chains'][number]['rules']) => Table['chains'][number]['rules'],
): Table {
  const chains = before.chains.map((chain) =>
    chain.name === 'INPUT' ? { ...chain, rules: edit(chain.rules) } : chain,
  );
  return { ...before, chains };
}

function jumpTo(chain: string): Table['chains'][number]['rules'] {
  const text = `*filter\n:${chain} - [0:0]\n-A INPUT -j ${chain}\nCOMMIT\n`;
  return parseRuleset(text, { file: 'slots' }).ruleset.tables[0]!.chains[0]!.rules;
}

function textsOf(before: Table, after: Table) {
  const lines = new PerRule((rule, chain) => printRuleLine(chain, rule, 'ipv4'));
  return { before: lines.of(before), after: lines.of(after) };
}

describe('slots from one ruleset to the next', () => {
  const before = table({ INPUT: [1, 2, 3, 4], web: [1, 5] });
  // INPUT 0–3, its policy 4, FORWARD 5, OUTPUT 6, web 7–8.
  const plan = sequentialSlots(before);
  const slotted = { table: before, plan };

  it('are those of the same objects, wherever they are in the table', () => {
    const after = edited(before, ([a, b, c, d]) => [d!, { ...a! }, c!, b!]);
    const inherited = inheritSlots(slotted, after);
    expect([...inherited[0]!.rules]).toEqual([3, -1, 2, 1]);
    expect(inherited.map(({ policy }) => policy)).toEqual([4, 5, 6, -1]);
    const [input, forward, output, web] = before.chains;
    const renamed = { ...before, chains: [input!, forward!, output!, { ...web!, name: 'www' }] };
    expect([...inheritSlots(slotted, renamed)[3]!.rules]).toEqual([7, 8]);
  });

  it('are those of rules whose chain got another name, one command or several', () => {
    const at = { span: before.span, family: 'ipv4', names: systemNames() } as const;
    const callers = edited(before, (rules) => [...rules, ...jumpTo('web'), ...jumpTo('web')]);
    let slotted = { table: callers, plan: sequentialSlots(callers) };
    const slots = [...slotted.plan.chains[0]!.rules];
    for (const names of [['a'], ['b'], ['c', 'd', 'a']]) {
      const draft = new TableDraft(slotted.table, at, false);
      for (const name of names) draft.rename(draft.chainNames().at(-1)!, name);
      const after = draft.finish();
      const plan = extendPlan(inheritSlots(slotted, after), after, slotted.plan)!;
      expect([names, [...plan.chains[0]!.rules]]).toEqual([names, slots]);
      slotted = { table: after, plan };
    }
  });

  it('are those of the same texts of a chain where that is asked for, the first of the first', () => {
    const twice = table({ INPUT: [2, 1, 2, 2], web: [] });
    const after = table({ INPUT: [2, 2, 9, 1], web: [1] });
    const from = { table: twice, plan: sequentialSlots(twice) };
    expect([...inheritSlots(from, after)[0]!.rules]).toEqual([-1, -1, -1, -1]);
    const [input, , , web] = inheritSlots(from, after, textsOf(twice, after));
    expect([...input!.rules]).toEqual([0, 2, -1, 1]);
    expect([...web!.rules]).toEqual([-1]);
  });

  it('are given to nobody twice while a map lasts, and to what is new as long as there is room', () => {
    const shorter = edited(before, (rules) => rules.slice(1));
    const first = extendPlan(inheritSlots(slotted, shorter), shorter, { ...plan, capacity: 10 })!;
    expect(first).toMatchObject({ capacity: 10, used: 9 });
    const longer = edited(shorter, (rules) => [{ ...rules[0]! }, ...rules]);
    const second = extendPlan(inheritSlots({ table: shorter, plan: first }, longer), longer, first)!;
    expect([...second.chains[0]!.rules]).toEqual([9, 1, 2, 3]);
    expect(second.used).toBe(10);
    const longest = edited(longer, (rules) => [...rules, { ...rules[0]! }]);
    expect(extendPlan(inheritSlots({ table: longer, plan: second }, longest), longest, second)).toBeUndefined();
  });

  it('of a new map say where each counted before', () => {
    const after = edited(before, ([a, b]) => [b!, { ...a! }]);
    const roomy = roomyPlan(after);
    expect((roomy.capacity + 1) % 4).toBe(0);
    expect(roomy.capacity).toBeGreaterThan(roomy.used);
    const carried = carriedSlots(roomy, inheritSlots(slotted, after));
    expect([...carried.subarray(0, roomy.used)]).toEqual([1, -1, 4, 5, 6, 7, 8]);
    expect(carried).toHaveLength(roomy.capacity + 1);
    expect(carried.at(-1)).toBe(-1);
  });

  it('come back from the store as they were', () => {
    const { owners, slots } = storePlan(plan);
    expect(readPlan(JSON.parse(JSON.stringify(owners)), slots, plan.capacity)).toEqual(plan);
  });

  it('of another table are no slots of this one', () => {
    expect(() => inheritSlots({ table: table({ INPUT: [1] }), plan }, before)).toThrow(/slots of INPUT/);
  });
});

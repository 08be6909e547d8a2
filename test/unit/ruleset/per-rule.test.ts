import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ZERO } from '../../../src/base/counters.ts';
import type { Chain, Rule, Table } from '../../../src/ruleset/model.ts';
import { PerRule } from '../../../src/ruleset/per-rule.ts';

const SPAN = { line: 1, column: 1, length: 1 };

/** Rules that are told from each other by the line they stand in. */
const RULES: readonly Rule[] = Array.from({ length: 12 }, (_, line) => ({
  ...{ matches: [], target: { kind: 'none' }, counters: ZERO },
  ...{ line, extent: { column: 1, length: 1 } },
}));

function table(chains: Readonly<Record<string, readonly Rule[]>>): Table {
  const made = Object.entries(chains).map(([name, rules]): Chain => ({ name, rules, counters: ZERO, span: SPAN }));
  return { name: 'filter', chains: made, span: SPAN };
}

test('what is made of a rule is made once while it stays in its chain, and is always that of the rule', () => {
  const rules = fc.uniqueArray(fc.constantFrom(...RULES), { selector: (rule) => rule.line });
  const tables = fc.array(fc.record({ a: rules, b: rules }, { requiredKeys: ['a'] }), { maxLength: 6 });
  fc.assert(
    fc.property(tables, (sequence) => {
      const made: string[] = [];
      const perRule = new PerRule((rule, chain) => {
        const text = `${chain} ${rule.line}`;
        made.push(text);
        return { text };
      });
      let before = new Map<string, object>();
      for (const chains of sequence) {
        made.length = 0;
        const now = new Map<string, object>();
        const found = perRule.of(table(chains));
        for (const [chain, own] of Object.entries(chains)) {
          const texts = own.map((rule) => `${chain} ${rule.line}`);
          expect(found.get(chain)!.map(({ text }) => text)).toEqual(texts);
          for (const value of found.get(chain)!) now.set(value.text, value);
        }
        for (const [text, value] of now) {
          if (before.has(text)) expect(before.get(text)).toBe(value);
        }
        expect(made.sort()).toEqual([...now.keys()].filter((text) => !before.has(text)).sort());
        before = now;
      }
    }),
  );
});

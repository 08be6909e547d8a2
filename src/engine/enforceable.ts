// Whether a ruleset can be enforced at all: the language knows more than the compiler does.
//
// What cannot be enforced is told, rule by rule, and refuses the ruleset. All of it can be kept at placement `none`.

import type { Diagnostic, Span } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import { type Rule, type Ruleset, spanOf, type Table } from '../ruleset/model.ts';
import { PerRule } from '../ruleset/per-rule.ts';
import { printRuleLine } from '../ruleset/print.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';

const REMEDY = 'placement none keeps such rules without enforcing them; iptables-legacy and iptables-nft enforce them';

/** Where something stands that was there before and is not in the file. */
const ELSEWHERE: Span = { line: 1, column: 1, length: 1 };

/**
 * Everything in a ruleset that bpfilter cannot enforce at any placement, in the order of the file. `file` is the text
 * that the spans point into, but for tables and rules of `before`, which come from another.
 */
export function checkEnforceable(
  ruleset: Ruleset,
  file: string,
  before?: Ruleset,
  unsupported = unsupportedParts(ruleset.family),
): Diagnostic[] {
  const found = ruleset.tables.flatMap((table) =>
    table.name === ENFORCED_TABLE
      ? checkRules(table, ruleset.family, file, before, unsupported)
      : checkTable(table, file, before),
  );
  return found.sort((a, b) => a.span.line - b.span.line);
}

/** A table that is not enforced does no harm while it decides nothing. Once per table is enough. */
function checkTable(table: Table, file: string, before: Ruleset | undefined): Diagnostic[] {
  const { name, chains } = table;
  if (chains.every(({ rules, policy }) => rules.length === 0 && policy !== 'DROP')) return [];
  const isBefore = before?.tables.includes(table);
  const what = `the table ${name} yet${isBefore ? ', which is there' : ''}`;
  const message = `bpfilter does not enforce ${what}: it must hold no rules and accept everything`;
  return [{ code: 'unsupported-table', message, file, span: isBefore ? ELSEWHERE : table.span, hint: REMEDY }];
}

/** What of each rule has no meaning to the compiler, by name. */
export type UnsupportedParts = PerRule<readonly string[]>;

export function unsupportedParts(family: Family): UnsupportedParts {
  // Rules of one shape follow each other, and often have the very same parts.
  let last: Rule | undefined;
  let found = NOTHING;
  return new PerRule((rule) => {
    const { matches, target, fragment } = rule;
    if (matches !== last?.matches || target !== last.target || fragment !== last.fragment) {
      found = unsupported(rule, family);
    }
    last = rule;
    return found;
  });
}

function checkRules(
  table: Table,
  family: Family,
  file: string,
  before: Ruleset | undefined,
  unsupported: UnsupportedParts,
): Diagnostic[] {
  let known: ReadonlySet<Rule> | undefined;
  const isBefore = (rule: Rule) => {
    known ??= new Set(before?.tables.flatMap((table) => table.chains.flatMap(({ rules }) => rules)));
    return known.has(rule);
  };
  const parts = unsupported.of(table);
  const found: Diagnostic[] = [];
  for (const { name, rules } of table.chains) {
    const own = parts.get(name)!;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!;
      for (const what of own[i]!) {
        const [which, span] = isBefore(rule) ? ['the rule that is there, ', ELSEWHERE] : ['', spanOf(rule)];
        const message = `bpfilter does not enforce ${what} yet: ${which}${printRuleLine(name, rule, family)}`;
        found.push({ code: 'unsupported-option', message, file, span, hint: REMEDY });
      }
    }
  }
  return found;
}

const NOTHING: readonly string[] = [];

function unsupported({ fragment, matches, target }: Rule, family: Family): readonly string[] {
  let found = NOTHING;
  if (fragment !== undefined) found = [...found, 'the option -f'];
  for (const { extension, data } of matches) {
    const meaning = findMatch(extension, family)?.meaning;
    const option = meaning?.unsupported?.(data);
    if (meaning === undefined) found = [...found, `the match ${extension}`];
    else if (option !== undefined) found = [...found, `the option ${option} of the match ${extension}`];
  }
  if (target.kind === 'extension' && findTarget(target.extension, family)?.meaning === undefined)
    found = [...found, `the target ${target.extension}`];
  return found;
}

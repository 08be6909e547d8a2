// Whether a ruleset can be enforced at all: the language knows more than the compiler does.
//
// What cannot be enforced is told, rule by rule, and refuses the ruleset. All of it can be kept at placement `none`.

import type { Diagnostic, Span } from '../base/diagnostic.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import type { Rule, Ruleset, Table } from '../ruleset/model.ts';
import { printRuleLine } from '../ruleset/print.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';

const REMEDY = 'placement none keeps such rules without enforcing them; iptables-legacy and iptables-nft enforce them';

/** Where a rule stands that was in force before and is not in the file. */
const ELSEWHERE: Span = { line: 1, column: 1, length: 1 };

/**
 * Everything in a ruleset that bpfilter cannot enforce at any placement, in the order of the file. `file` is the text that the spans point into,
 * but for rules of `before`, which come from another.
 */
export function checkEnforceable(ruleset: Ruleset, file: string, before?: ReadonlySet<Rule>): Diagnostic[] {
  if (ruleset.family !== 'ipv4') {
    const span = ruleset.tables[0]?.span ?? ELSEWHERE;
    const message = 'bpfilter does not enforce rules of IPv6 yet';
    return [{ code: 'unsupported-table', message, file, span, hint: REMEDY }];
  }
  const found = ruleset.tables.flatMap((table) => {
    if (table.name !== ENFORCED_TABLE) return checkTable(table, file);
    return table.chains.flatMap(({ name, rules }) =>
      rules.flatMap((rule) =>
        unsupported(rule).map((what): Diagnostic => {
          const isBefore = before?.has(rule) === true;
          const printed = printRuleLine(name, rule, ruleset.family);
          const where = isBefore ? `the rule that is there, ${printed}` : printed;
          const message = `bpfilter does not enforce ${what} yet: ${where}`;
          const span = isBefore ? ELSEWHERE : rule.span;
          return { code: 'unsupported-option', message, file, span, hint: REMEDY };
        }),
      ),
    );
  });
  return found.sort((a, b) => a.span.line - b.span.line);
}

/** A table that is not enforced does no harm while it decides nothing. Once per table is enough. */
function checkTable({ name, chains, span }: Table, file: string): Diagnostic[] {
  if (chains.every(({ rules, policy }) => rules.length === 0 && policy !== 'DROP')) return [];
  const message = `bpfilter does not enforce the table ${name} yet: it must hold no rules and accept everything`;
  return [{ code: 'unsupported-table', message, file, span, hint: REMEDY }];
}

/** What of a rule has no meaning to the compiler, by name. */
function unsupported({ fragment, matches, target }: Rule): string[] {
  const found: string[] = [];
  if (fragment !== undefined) found.push('the option -f');
  for (const { extension, data } of matches) {
    const meaning = findMatch(extension)?.meaning;
    const option = meaning?.unsupported?.(data);
    if (meaning === undefined) found.push(`the match ${extension}`);
    else if (option !== undefined) found.push(`the option ${option} of the match ${extension}`);
  }
  if (target.kind === 'extension' && findTarget(target.extension)?.meaning === undefined)
    found.push(`the target ${target.extension}`);
  return found;
}

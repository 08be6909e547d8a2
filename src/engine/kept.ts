// Placement `none`: a ruleset that is kept in the store as text, counters included, and not enforced.
//
// Nothing counts, so the counters are those that the ruleset came with. What the kernel enforces goes before what is
// kept: a command that was interrupted between the two leaves the rules in force as the ones that count.

import type { Diagnostic } from '../base/diagnostic.ts';
import { FAMILY_NAME, type Family } from '../base/family.ts';
import type { Chain, Rule, Ruleset, Table } from '../ruleset/model.ts';
import { printRule, printRuleset } from '../ruleset/print.ts';
import type { KeptRuleset, Store } from '../store/store.ts';
import { checkLineBreaks, readStored } from './stored-text.ts';

/** What must be said of rules at placement `none`. */
export function keptWarning(family: Family): string {
  return `placement none: the rules of ${FAMILY_NAME[family]} are kept, and nothing of them is enforced`;
}

/** What must be said when rules that were enforced until now are only kept. */
export function releasedWarning(family: Family): string {
  const name = FAMILY_NAME[family];
  return `placement none: the rules of ${name} are enforced no longer, only kept: every packet of ${name} is accepted`;
}

/** Stores a ruleset in place of the one that its family kept before, or says why it cannot be stored. */
export function keep(store: Store, ruleset: Ruleset, sourceFile: string): Diagnostic[] {
  const text = printRuleset(ruleset, { counters: true });
  const unfit = text.split('\n').length === lineCount(ruleset) ? [] : checkLineBreaks(ruleset, sourceFile);
  if (unfit.length === 0) store.keep(ruleset.family, { sourceFile, text });
  return unfit;
}

/** Of its text, the empty one at the end included. */
function lineCount({ tables }: Ruleset): number {
  const chains = tables.flatMap((table) => table.chains);
  return 1 + 2 * tables.length + chains.reduce((sum, { rules }) => sum + 1 + rules.length, 0);
}

/** The ruleset that is kept; of the tables that are left out only the built-in chains. */
export function readKept({ text, sourceFile }: KeptRuleset, family: Family, leftOut?: ReadonlySet<string>): Ruleset {
  return readStored(text, sourceFile, family, leftOut);
}

/**
 * A ruleset with the counters of another one that it replaces: those of policies, and of rules of the same text in the
 * same chain, the first to the first and so on. With `kept`, rules that are not in it have their own.
 */
export function carryCounters(before: Ruleset, after: Ruleset, kept?: ReadonlySet<Rule>): Ruleset {
  const tables = after.tables.map((table): Table => {
    const old = new Map(before.tables.find(({ name }) => name === table.name)?.chains.map((c) => [c.name, c]));
    return {
      ...table,
      chains: table.chains.map((chain) => carryChain(old.get(chain.name), chain, after.family, kept)),
    };
  });
  return { ...after, tables };
}

function carryChain(
  before: Chain | undefined,
  after: Chain,
  family: Family,
  kept: ReadonlySet<Rule> | undefined,
): Chain {
  if (before === undefined) return after;
  const free = new Map<string, Rule[]>();
  for (const rule of before.rules) {
    const text = printRule(rule, family);
    const rules = free.get(text);
    if (rules === undefined) free.set(text, [rule]);
    else rules.push(rule);
  }
  for (const rules of free.values()) rules.reverse();
  const rules = after.rules.map((rule) => {
    if (kept?.has(rule) === false) return rule;
    return { ...rule, counters: free.get(printRule(rule, family))?.pop()?.counters ?? rule.counters };
  });
  return { ...after, counters: after.policy === undefined ? after.counters : before.counters, rules };
}

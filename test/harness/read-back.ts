// Rules read, printed, and read again: a ruleset is kept as text, so what is read must not change by that.

import { namesFrom } from '../../src/ruleset/names.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { printRule } from '../../src/ruleset/print.ts';
import type { TextCase } from '../differential/text-cases/text-case.ts';

export interface ReadBack {
  readonly rule: string;
  /** Matches and target as read from the rule as written, and as printed. */
  readonly first: unknown;
  readonly again: unknown;
}

const names = namesFrom('ftp 21/tcp\nhttp 80/tcp\n', 'icmp 1\ntcp 6\nudp 17\n');

/** All rules that are accepted. */
export function readBack(cases: readonly TextCase[]): ReadBack[] {
  return cases.flatMap((each): ReadBack[] => {
    const first = ruleOf(each);
    if (first === undefined) return [];
    const again = ruleOf({ ...each, rule: printRule(first, each.family, names) });
    const meaning = again && { matches: again.matches, target: again.target };
    return [{ rule: each.rule, first: { matches: first.matches, target: first.target }, again: meaning }];
  });
}

function ruleOf({ family, table, chain, rule }: TextCase) {
  const text = `*${table}\n:c - [0:0]\n-A ${chain} ${rule}\nCOMMIT\n`;
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'rule', family, names });
  if (diagnostics.length > 0) return undefined;
  return ruleset.tables[0]!.chains.find(({ name }) => name === chain)!.rules[0]!;
}
